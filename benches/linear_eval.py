"""Seconds an epoch of the linear evaluation with 7 rates in PyTorch, as one run for each rate and as one wide layer.

python linear_eval.py THREADS EPOCHS prints `separate SECONDS` and `wide SECONDS` for each epoch.
"""

import sys
import time

import torch
import torch.nn.functional as F

ROWS, WIDTH, CLASSES, BATCH = 15_120, 2048, 7, 512
RATES = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 50.0]


def batches():
    return torch.randperm(ROWS)[: ROWS // BATCH * BATCH].split(BATCH)


def separate(features, labels, models):
    for model, optimizer in models:
        for rows in batches():
            loss = F.cross_entropy(model(features.index_select(0, rows)), labels.index_select(0, rows))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def wide(features, labels, model, optimizer, by_rate):
    for rows in batches():
        logits = model(features.index_select(0, rows)).view(-1, CLASSES)
        target = labels.index_select(0, rows).repeat_interleave(len(RATES))
        # Summing over rates keeps their gradients apart.
        loss = F.cross_entropy(logits, target, reduction="sum") / BATCH
        optimizer.zero_grad()
        loss.backward()
        # Every rate its own step: the velocity is shared, the step is scaled row by row.
        with torch.no_grad():
            for parameter, velocity in optimizer:
                velocity.mul_(0.9).add_(parameter.grad)
                parameter.sub_(velocity * by_rate.view(-1, *[1] * (parameter.dim() - 1)))


class Wide(list):
    """Parameters with their velocities."""

    def __init__(self, parameters):
        super().__init__((parameter, torch.zeros_like(parameter)) for parameter in parameters)

    def zero_grad(self):
        for parameter, _ in self:
            parameter.grad = None


def main():
    threads, epochs = int(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    features = torch.rand(ROWS, WIDTH)
    labels = torch.randint(CLASSES, (ROWS,))
    models = []
    for rate in RATES:
        model = torch.nn.Linear(WIDTH, CLASSES)
        models.append((model, torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)))
    model = torch.nn.Linear(WIDTH, CLASSES * len(RATES))
    optimizer = Wide(model.parameters())
    by_rate = torch.tensor(RATES).repeat_interleave(CLASSES)
    for epoch in range(epochs + 1):  # the first is a warm-up
        started = time.perf_counter()
        separate(features, labels, models)
        between = time.perf_counter()
        wide(features, labels, model, optimizer, by_rate)
        finished = time.perf_counter()
        if epoch > 0:
            print(f"separate {between - started}")
            print(f"wide {finished - between}")


main()
