"""PyTorch's side of scripts/gpu-check.sh: the training steps of `repro bench` on the GPU, as a paper's code writes them.

Arguments: seconds for each measurement. Prints one JSON object a line: network, batch, mode, precision, items a second.
An item is seen twice: a step is N-pair with i-Mix over both views of a batch, inputs and weights on the GPU, SGD with
momentum and weight decay. Modes: eager, and torch.compile. Precisions: f32 and tf32 as `repro` has them, and bf16
autocast. Pictures are channels-last.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

PATIENCE = float(sys.argv[1])
EMBEDDING, TEMPERATURE, ALPHA = 128, 0.2, 1.0
STAGES = {18: ([2, 2, 2, 2], False), 50: ([3, 4, 6, 3], True)}


class Block(nn.Module):
    def __init__(self, inputs, channels, stride, bottleneck):
        super().__init__()
        outputs = channels * (4 if bottleneck else 1)
        shapes = [(inputs, channels, 1, 1), (channels, channels, 3, stride), (channels, outputs, 1, 1)]
        if not bottleneck:
            shapes = [(inputs, channels, 3, stride), (channels, outputs, 3, 1)]
        layers = []
        for a, b, kernel, step in shapes:
            layers += [nn.Conv2d(a, b, kernel, step, kernel // 2, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers[:-1])
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(outputs))

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


class Mlp(nn.Module):
    """The CovType MLP of width 64."""

    BLOCKS = [10, 4, 40]

    def __init__(self, width=64):
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Linear(block, 64) for block in self.BLOCKS)
        sizes = [64 * len(self.BLOCKS), 32 * width, 32 * width, 64 * width, 64 * width]
        layers = []
        for a, b in zip(sizes, sizes[1:]):
            layers += [nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers, nn.Linear(sizes[-1], 128 * width))
        self.features = 32 * width

    def forward(self, x):
        parts = [embed(part) for embed, part in zip(self.embeddings, x.split(self.BLOCKS, dim=1))]
        return self.body(torch.cat(parts, dim=1)).view(len(x), -1, 4).amax(2)


def resnet(depth, width=64):
    blocks, bottleneck = STAGES[depth]
    layers = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    inputs = width
    for stage, count in enumerate(blocks):
        for at in range(count):
            layers.append(Block(inputs, width << stage, 2 if at == 0 and stage else 1, bottleneck))
            inputs = (width << stage) * (4 if bottleneck else 1)
    encoder = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    encoder.features = inputs
    return encoder


def with_head(encoder):
    features = encoder.features
    head = [nn.Linear(features, features), nn.BatchNorm1d(features), nn.ReLU(), nn.Linear(features, EMBEDDING)]
    return nn.Sequential(encoder, *head)


def measure(name, make, shape, batch, mode, precision):
    torch.manual_seed(0)
    tf32 = precision != "f32"
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    model = with_head(make()).cuda()
    pictures = len(shape) == 3
    layout = torch.channels_last if pictures else torch.contiguous_format
    model = model.to(memory_format=layout) if pictures else model
    forward = torch.compile(model) if mode == "compile" else model
    optimiser = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=1e-4, fused=True)
    views = [torch.randn(batch, *shape, device="cuda").contiguous(memory_format=layout) for _ in range(2)]
    beta = torch.distributions.Beta(torch.tensor(ALPHA, device="cuda"), torch.tensor(ALPHA, device="cuda"))

    def step():
        share = beta.sample([batch])
        share = torch.maximum(share, 1 - share)
        partner = torch.randperm(batch, device="cuda")
        wide = share.view(-1, *[1] * len(shape))
        queries = wide * views[0] + (1 - wide) * views[0][partner]
        with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bf16"):
            out = forward(torch.cat([queries, views[1]]).contiguous(memory_format=layout))
        queries, keys = F.normalize(out.float(), dim=1).chunk(2)
        logits = queries @ keys.t() / TEMPERATURE
        own = torch.arange(batch, device="cuda")
        losses = F.cross_entropy(logits, own, reduction="none"), F.cross_entropy(logits, partner, reduction="none")
        loss = (share * losses[0] + (1 - share) * losses[1]).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    for _ in range(5):
        step()
    torch.cuda.synchronize()
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < PATIENCE:
        for _ in range(5):
            step()
        torch.cuda.synchronize()
        steps += 5
    rate = steps * batch / (time.perf_counter() - began)
    line = {"network": name, "batch": batch, "mode": mode, "precision": precision, "items_per_second": rate}
    print(json.dumps(line), flush=True)


def main():
    print(f"PyTorch {torch.__version__}, {torch.cuda.get_device_name()}", file=sys.stderr)
    networks = [
        ("MLP, width 64", Mlp, [54], 512),
        ("ResNet-18, width 64", lambda: resnet(18), [3, 32, 32], 256),
        ("ResNet-50, width 64", lambda: resnet(50), [3, 32, 32], 256),
    ]
    # What matters most comes first, should time run out.
    modes = [("eager", "bf16"), ("compile", "bf16"), ("eager", "f32"), ("eager", "tf32"), ("compile", "tf32")]
    for mode, precision in modes:
        for name, make, shape, batch in networks:
            try:
                measure(name, make, shape, batch, mode, precision)
            except Exception as error:  # A mode that fails says so and leaves the others.
                print(f"{name}, {mode}, {precision}: {error}", file=sys.stderr)


main()
