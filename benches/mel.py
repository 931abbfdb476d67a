"""librosa's side of `mel`: log-mel pictures of one-second clips, one after the other on one thread.

Arguments: threads (it uses one), clips. Prints clips a second as JSON.
"""

import json
import sys
import time

import librosa
import numpy as np

RATE = 16000


def picture(clip):
    power = librosa.feature.melspectrogram(y=clip, sr=RATE, n_mels=32, pad_mode="reflect")
    return librosa.power_to_db(power, ref=np.max)


def main():
    count = int(sys.argv[2])
    clip = np.random.default_rng(0).uniform(-0.5, 0.5, RATE).astype(np.float32)
    # The first calls compile and fill caches.
    for _ in range(50):
        picture(clip)
    began = time.perf_counter()
    for _ in range(count):
        picture(clip)
    print(json.dumps({"samples_per_second": count / (time.perf_counter() - began)}))


if __name__ == "__main__":
    main()
