"""The work of resnet_step.rs in PyTorch, eager and channels-last. Same arguments, same output."""

import json
import resource
import sys
import time

import torch
from torch import nn

threads, depth, width, batch, steps = map(int, sys.argv[1:6])
torch.set_num_threads(threads)
torch.manual_seed(0)
STAGES = {18: ([2, 2, 2, 2], False), 34: ([3, 4, 6, 3], False), 50: ([3, 4, 6, 3], True)}


def conv(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class Block(nn.Module):
    def __init__(self, inputs, channels, stride, bottleneck):
        super().__init__()
        outputs = channels * (4 if bottleneck else 1)
        if bottleneck:
            layers = [conv(inputs, channels, 1), conv(channels, channels, 3, stride), conv(channels, outputs, 1)]
        else:
            layers = [conv(inputs, channels, 3, stride), conv(channels, outputs, 3)]
        body = []
        for layer in layers:
            body += [layer, nn.BatchNorm2d(layer.out_channels), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*body[:-1])
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return torch.relu_(self.body(x) + self.shortcut(x))


blocks, bottleneck = STAGES[depth]
layers = [conv(3, width, 3), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
inputs = width
for stage, count in enumerate(blocks):
    for at in range(count):
        layers.append(Block(inputs, width << stage, 2 if at == 0 and stage else 1, bottleneck))
        inputs = (width << stage) * (4 if bottleneck else 1)
model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))
model = model.to(memory_format=torch.channels_last)
optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)
pictures = torch.randn(batch, 3, 32, 32).to(memory_format=torch.channels_last)
labels = torch.arange(batch) % 10


def step():
    optimizer.zero_grad(set_to_none=True)
    nn.functional.cross_entropy(model(pictures), labels).backward()
    optimizer.step()


step()
began = time.perf_counter()
for _ in range(steps):
    step()
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
print(json.dumps({"samples_per_second": round(steps * batch / seconds, 2), "peak_rss_mb": round(peak)}))
