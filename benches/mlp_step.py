"""PyTorch's side of `mlp-step`: eager modules, as a paper's code would write the step.

Arguments: threads, width, steps. Prints samples a second as JSON.
"""

import json
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

BATCH, BLOCKS, CONTINUOUS, EMBEDDING = 512, [10, 4, 40], 10, 128
MASK, ALPHA, TEMPERATURE = 0.2, 2.0, 0.1


class Encoder(nn.Module):
    """Block embeddings, four hidden layers, a linear layer, max-out over 4, and the `mlpbn` projection head."""

    def __init__(self, width):
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Linear(block, 64) for block in BLOCKS)
        sizes = [64 * len(BLOCKS), 32 * width, 32 * width, 64 * width, 64 * width]
        self.body = nn.Sequential(
            *[
                nn.Sequential(nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU(inplace=True))
                for inputs, outputs in zip(sizes, sizes[1:])
            ]
        )
        self.last = nn.Linear(sizes[-1], 128 * width)
        features = 32 * width
        self.head = nn.Sequential(
            nn.Linear(features, features),
            nn.BatchNorm1d(features),
            nn.ReLU(),
            nn.Linear(features, EMBEDDING),
            nn.BatchNorm1d(EMBEDDING),
        )

    def forward(self, x):
        parts = x.split(BLOCKS, dim=1)
        x = torch.cat([embed(part) for embed, part in zip(self.embeddings, parts)], dim=1)
        x = self.last(self.body(x))
        return self.head(x.view(len(x), -1, 4).max(2)[0])


def view(rows):
    rows = rows.clone()
    rows[:, :CONTINUOUS] *= torch.rand(len(rows), CONTINUOUS) >= MASK
    return rows


def step(encoder, optimiser, rows):
    queries, keys = view(rows), view(rows)
    partner = torch.randperm(BATCH)
    share = torch.distributions.Beta(ALPHA, ALPHA).sample([BATCH])
    share = torch.max(share, 1 - share)
    queries = share[:, None] * queries + (1 - share[:, None]) * queries[partner]
    embeddings = F.normalize(encoder(torch.cat([queries, keys])), dim=1)
    logits = embeddings[:BATCH] @ embeddings[BATCH:].T / TEMPERATURE
    own = F.cross_entropy(logits, torch.arange(BATCH), reduction="none")
    other = F.cross_entropy(logits, partner, reduction="none")
    loss = (share * own + (1 - share) * other).mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def main():
    threads, width, steps = (int(argument) for argument in sys.argv[1:4])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    encoder = Encoder(width)
    optimiser = torch.optim.SGD(encoder.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    rows = torch.randn(BATCH, sum(BLOCKS))
    step(encoder, optimiser, rows)
    began = time.perf_counter()
    for _ in range(steps):
        step(encoder, optimiser, rows)
    print(json.dumps({"samples_per_second": steps * BATCH / (time.perf_counter() - began)}))


if __name__ == "__main__":
    main()
