"""torchvision's side of `views`: transforms on Pillow pictures in the worker processes of a data loader.

Arguments: worker processes, views in thousands. Prints views a second as JSON.
"""

import json
import sys
import time

import numpy as np
import torch
from PIL import Image
from torchvision import transforms

PICTURES, SIDE, BATCH = 2048, 32, 256


class TwoViews(torch.utils.data.Dataset):
    """Two views of each picture, from bytes in memory as torchvision keeps CIFAR."""

    def __init__(self, rows):
        self.pictures = np.random.default_rng(0).integers(0, 256, (PICTURES, SIDE, SIDE, 3), dtype=np.uint8)
        self.rows = rows
        self.transform = transforms.Compose(
            [
                transforms.RandomResizedCrop(SIDE, scale=(0.2, 1.0)),
                transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
                transforms.RandomGrayscale(p=0.2),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize([0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]),
            ]
        )

    def __len__(self):
        return self.rows

    def __getitem__(self, row):
        picture = Image.fromarray(self.pictures[row % PICTURES])
        return self.transform(picture), self.transform(picture)


def main():
    workers, thousands = (int(argument) for argument in sys.argv[1:3])
    # The loader's own process only hands batches on.
    torch.set_num_threads(1)
    rows = BATCH * max(3 * workers, thousands * 1000 // (2 * BATCH))
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
