"""Makes synthetic-speech.tar.gz: ten words by the voices of two speech synthesisers, at 8,000 Hz.

    apt-get install espeak-ng flite
    python3 make_speech.py

Needs NumPy. See LICENSE.md for the versions it was made with; the same versions give the same bytes.

Each voice says each of the ten keywords of Speech Commands once. A voice is a speaker: it is on one side of the split only.
"""

import gzip
import hashlib
import io
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import wave

import numpy

WORDS = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]
RATE = 8000
# Longest clip in seconds, what is left before and after the word, and how far below the peak silence begins.
LONGEST, LEFT, SILENT = 0.95, 0.02, 0.01
PEAK = 0.9

# Accents and timbres of eSpeak NG, with pitch (0 to 99) and words a minute.
ESPEAK_TRAIN = """
en-us+m1,40,150 en-us+m3,55,170 en-us+f1,50,150 en-us+f2,65,175 en-us+klatt,45,160 en-us+adam,50,155
en+m2,35,160 en+m4,60,150 en+f3,55,165 en+f4,45,150 en+klatt2,50,170 en+edward,50,160
en-gb-scotland+m5,45,155 en-gb-scotland+f5,55,165 en-gb-scotland+max,50,150 en-gb-x-rp+m7,50,170
en-gb-x-rp+linda,60,155 en-gb-x-rp+quincy,45,160 en-gb-x-gbcwmd+m6,50,150 en-gb-x-gbcwmd+belinda,55,165
en-029+steph,50,160 en-029+john,45,150 en-029+benjamin,50,170 en-gb-x-gbclan+caleb,50,155 en-gb-x-gbclan+shelby,60,165
"""
ESPEAK_TEST = """
en-us+m8,50,160 en-us+Annie,50,155 en+paul,45,165 en+aunty,50,160 en-gb-scotland+Andrea,50,170
en-gb-x-rp+michel,50,155 en-gb-x-gbcwmd+david,50,165 en-029+anika,55,160 en-gb-x-gbclan+rob,45,170 en-us+Mike,50,150
"""
FLITE = {"train": ["kal16", "rms", "slt"], "test": ["awb", "kal"]}


def spoken(command):
    """Samples from -1 to 1 and their rate, as a synthesiser writes them."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        subprocess.run([*command, file.name], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with wave.open(file.name) as reader:
            rate, frames = reader.getframerate(), reader.readframes(reader.getnframes())
    return numpy.frombuffer(frames, "<i2") / 32768, rate


def resampled(samples, rate):
    """At RATE: what lies above half of it is cut off in the spectrum."""
    length = round(len(samples) * RATE / rate)
    padding = rate // 4
    padded = numpy.pad(samples, padding)
    count = round(len(padded) * RATE / rate)
    spectrum = numpy.fft.rfft(padded)[: count // 2 + 1]
    brought = numpy.fft.irfft(spectrum, count) * (count / len(padded))
    start = round(padding * RATE / rate)
    return brought[start : start + length]


def trimmed(samples):
    loud = numpy.flatnonzero(numpy.abs(samples) > SILENT * numpy.abs(samples).max())
    margin = round(LEFT * RATE)
    start, end = max(loud[0] - margin, 0), loud[-1] + margin
    return samples[start : min(end, start + round(LONGEST * RATE))]


def clip(command):
    """An 8-bit WAV file."""
    samples = trimmed(resampled(*spoken(command)))
    samples = samples * (PEAK / numpy.abs(samples).max())
    data = io.BytesIO()
    with wave.open(data, "wb") as writer:
        writer.setparams((1, 1, RATE, 0, "NONE", None))
        writer.writeframes((numpy.round(samples * 127) + 128).astype(numpy.uint8).tobytes())
    return data.getvalue()


def clips():
    for side, voices in [("train", ESPEAK_TRAIN), ("test", ESPEAK_TEST)]:
        for voice, pitch, speed in (voice.split(",") for voice in voices.split()):
            for word in WORDS:
                command = ["espeak-ng", "-v", voice, "-p", pitch, "-s", speed, word, "-w"]
                yield f"{side}/{word}/espeak-{voice.replace('+', '-').lower()}.wav", clip(command)
        for voice in FLITE[side]:
            for word in WORDS:
                yield f"{side}/{word}/flite-{voice}.wav", clip(["flite", "-voice", voice, "-t", word, "-o"])


def archive(files):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(f"synthetic-speech/{name}")
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(data.getvalue(), 9, mtime=0)


def main():
    for program in ["espeak-ng", "flite"]:
        if not shutil.which(program):
            sys.exit(f"{program} is not installed: apt-get install espeak-ng flite")
    files = dict(clips())
    if len(set(files.values())) < len(files):
        sys.exit("two voices sound the same")
    content = archive(files)
    pathlib.Path(__file__).with_name("synthetic-speech.tar.gz").write_bytes(content)
    for side in ["train", "test"]:
        print(side, sum(name.startswith(side) for name in files))
    print(len(content), "bytes, SHA-256", hashlib.sha256(content).hexdigest())


if __name__ == "__main__":
    main()
