"""librosa's side of `speech-views`: the official chain of augmentations in the worker processes of a data loader.

Arguments: worker processes, views in thousands. Prints views a second as JSON.
"""

import json
import random
import sys
import time

import librosa
import numpy as np
import torch

RATE, HOP, FRAMES, BATCH, NOISE_SECONDS = 16000, 512, 32, 64, 60
MEL = librosa.filters.mel(sr=RATE, n_fft=2048, n_mels=32)


def changed(samples):
    """The spectrum of a clip after each change happened with probability one half."""
    if random.random() < 0.5:
        samples = samples * random.uniform(0.7, 1.1)
    if random.random() < 0.5:
        step = 1 / (1 + random.uniform(-0.2, 0.2))
        samples = np.interp(np.arange(0, len(samples), step), np.arange(len(samples)), samples).astype(np.float32)
    samples = librosa.util.fix_length(samples, size=RATE)
    spectrum = librosa.stft(samples, n_fft=2048, hop_length=HOP, pad_mode="reflect")
    if random.random() < 0.5:
        spectrum = librosa.phase_vocoder(spectrum, rate=1 + random.uniform(-0.2, 0.2), hop_length=HOP)
    if random.random() < 0.5:
        frames = random.randint(-8, 8)
        length = spectrum.shape[1]
        before, after = max(-frames, 0), max(frames, 0)
        padded = np.pad(spectrum, ((0, 0), (before, after)))
        spectrum = padded[:, after:] if after else padded[:, :length]
    return librosa.util.fix_length(spectrum, size=FRAMES, axis=1)


class TwoViews(torch.utils.data.Dataset):
    def __init__(self, rows):
        generator = np.random.default_rng(0)
        self.clip = generator.uniform(-0.5, 0.5, RATE).astype(np.float32)
        self.noise = generator.uniform(-0.5, 0.5, (NOISE_SECONDS, RATE)).astype(np.float32)
        self.rows = rows

    def __len__(self):
        return self.rows

    def view(self):
        spectrum = changed(self.clip)
        if random.random() < 0.5:
            share = random.uniform(0, 0.45)
            spectrum = spectrum * (1 - share) + changed(random.choice(self.noise)) * share
        decibels = librosa.power_to_db(MEL @ np.abs(spectrum) ** 2, ref=np.max)
        return torch.from_numpy(decibels).unsqueeze(0)

    def __getitem__(self, row):
        return self.view(), self.view()


def main():
    workers, thousands = int(sys.argv[1]), float(sys.argv[2])
    # The loader's own process only hands batches on.
    torch.set_num_threads(1)
    rows = BATCH * max(4 * workers, int(thousands * 1000 / (2 * BATCH)))
    batches = iter(torch.utils.data.DataLoader(TwoViews(rows), batch_size=BATCH, num_workers=workers))
    # Workers start and fill their queues, two batches each, before the clock does.
    for _ in range(2 * workers):
        next(batches)
    began, views = time.perf_counter(), 0
    for queries, keys in batches:
        views += len(queries) + len(keys)
    print(json.dumps({"samples_per_second": views / (time.perf_counter() - began)}))


if __name__ == "__main__":
    main()
