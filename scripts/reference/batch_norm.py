"""Writes test/fixtures/batch-norm.json: convolution, batch norm with its batch's statistics, linear layer, three steps of SGD.

Each step has its own batch; the last one is smaller. The file has the loss, the logits and every gradient of each step, and the
running statistics after it; all in float64, since nothing here has a corner.
"""

import torch
from torch import nn

from generator import rounded, uniform, write_json

CHANNELS, CLASSES, RATE = 3, 2, 0.1
MOMENTUM, EPSILON = 0.2, 1e-3  # other than the defaults
BATCHES = [4, 4, 2]
SHAPES = {
    "conv.weight": [CHANNELS, 2, 3, 3],
    "bn.weight": [CHANNELS],
    "bn.bias": [CHANNELS],
    "bn.running_mean": [CHANNELS],
    "bn.running_var": [CHANNELS],
    "fc.weight": [CLASSES, CHANNELS],
    "fc.bias": [CLASSES],
}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, CHANNELS, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(CHANNELS, eps=EPSILON, momentum=MOMENTUM)
        self.fc = nn.Linear(CHANNELS, CLASSES)

    def forward(self, x):
        return self.fc(torch.tanh(self.bn(self.conv(x))).mean((2, 3)))


def initialized() -> Net:
    net = Net().double().train()
    for seed, (name, shape) in enumerate(SHAPES.items(), 1):
        low, high = (0.5, 1.5) if name in ("bn.weight", "bn.running_var") else (-0.5, 0.5)
        net.state_dict()[name].copy_(torch.from_numpy(uniform(shape, seed, low, high)))
    return net


def flat(tensor: torch.Tensor) -> list[float]:
    return rounded(tensor.detach().flatten().tolist(), 12)


if __name__ == "__main__":
    net = initialized()
    initial = {name: rounded(net.state_dict()[name].flatten().tolist()) for name in SHAPES}
    steps = []
    for i, size in enumerate(BATCHES):
        x = uniform([size, 2, 4, 5], 100 + i, -1, 2)
        labels = [(i + n) % CLASSES for n in range(size)]
        logits = net(torch.from_numpy(x).double())
        loss = nn.functional.cross_entropy(logits, torch.tensor(labels))
        net.zero_grad()
        loss.backward()
        steps.append({
            "shape": list(x.shape), "input": rounded(x.ravel().tolist()), "labels": labels, "loss": rounded(loss.item(), 12), "logits": flat(logits),
            "gradients": {name: flat(p.grad) for name, p in net.named_parameters()},
            "statistics": {name: flat(net.state_dict()[name]) for name in SHAPES if "running" in name},
        })
        with torch.no_grad():
            for p in net.parameters():
                p -= RATE * p.grad
    path = write_json("batch-norm.json", {
        "shapes": SHAPES, "initial": initial, "momentum": MOMENTUM, "epsilon": EPSILON, "lr": RATE, "steps": steps,
        "final": {name: flat(value) for name, value in net.state_dict().items() if name in SHAPES},
    })
    print(f"{path}: {len(steps)} steps, {path.stat().st_size} bytes")
