"""PyTorch's side of `linear-eval`: one run for each rate, as the official code does it, or all rates as one wide layer.

Arguments: threads, epochs, `separate` or `wide`. Prints rows a second as JSON, a row counting once for all rates.
"""

import json
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

ROWS, WIDTH, CLASSES, BATCH, MOMENTUM = 15_120, 2048, 7, 512, 0.9
RATES = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 50.0]


def batches():
    return torch.randperm(ROWS)[: ROWS // BATCH * BATCH].split(BATCH)


class Separate:
    """A classifier and an optimiser for each rate, trained one after the other."""

    def __init__(self):
        self.runs = []
        for rate in RATES:
            model = nn.Linear(WIDTH, CLASSES)
            self.runs.append((model, torch.optim.SGD(model.parameters(), lr=rate, momentum=MOMENTUM)))

    def epoch(self, features, labels):
        for model, optimiser in self.runs:
            for rows in batches():
                loss = F.cross_entropy(model(features.index_select(0, rows)), labels.index_select(0, rows))
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()


class Wide:
    """One layer with the outputs of every rate; the step of each row of its weights is scaled by its rate."""

    def __init__(self):
        self.model = nn.Linear(WIDTH, CLASSES * len(RATES))
        self.velocities = [torch.zeros_like(parameter) for parameter in self.model.parameters()]
        self.rates = torch.tensor(RATES).repeat_interleave(CLASSES)

    def epoch(self, features, labels):
        for rows in batches():
            logits = self.model(features.index_select(0, rows)).view(-1, CLASSES)
            targets = labels.index_select(0, rows).repeat_interleave(len(RATES))
            # A sum over rates keeps their gradients apart.
            loss = F.cross_entropy(logits, targets, reduction="sum") / BATCH
            self.model.zero_grad()
            loss.backward()
            with torch.no_grad():
                for parameter, velocity in zip(self.model.parameters(), self.velocities):
                    velocity.mul_(MOMENTUM).add_(parameter.grad)
                    parameter.addcmul_(velocity, self.rates.view(-1, *[1] * (parameter.dim() - 1)), value=-1)


def main():
    threads, epochs = (int(argument) for argument in sys.argv[1:3])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    features, labels = torch.rand(ROWS, WIDTH), torch.randint(CLASSES, (ROWS,))
    trained = {"separate": Separate, "wide": Wide}[sys.argv[3]]()
    trained.epoch(features, labels)
    began = time.perf_counter()
    for _ in range(epochs):
        trained.epoch(features, labels)
    print(json.dumps({"samples_per_second": epochs * (ROWS // BATCH * BATCH) / (time.perf_counter() - began)}))


if __name__ == "__main__":
    main()
