"""Writes test/fixtures/updates.json: the network of batch_norm.py trained by AdamW, with one or several batches per update.

The gradient of an update is the mean over all samples of its batches: each batch's mean loss is weighted by its share of them. The file has
the parameters and the running statistics after each update, and timm's moving average of both; in float64.
"""

import torch
from timm.utils import ModelEmaV3
from torch import nn

from batch_norm import CLASSES, SHAPES, flat, initialized
from generator import rounded, uniform, write_json

RATES = [0.02, 0.01, 0.005]
WEIGHT_DECAY = 0.1
RUNS = [[[3, 3, 3], [3, 3, 2], [3, 1]], [[4], [4], [3]]]
DECAY = 0.45


def batches(sizes: list[list[int]], seed: int) -> list[list[dict]]:
    made = []
    for group in sizes:
        made.append([])
        for size in group:
            x = uniform([size, 2, 4, 5], seed, -1, 2)
            made[-1].append({"shape": list(x.shape), "input": rounded(x.ravel().tolist()), "labels": [(seed + n) % CLASSES for n in range(size)]})
            seed += 1
    return made


def train(groups) -> list[dict]:
    net = initialized()
    average = ModelEmaV3(net, decay=DECAY, use_warmup=True)
    weights, others = [], []
    for p in net.parameters():
        (weights if p.dim() > 1 else others).append(p)
    optimizer = torch.optim.AdamW([{"params": weights, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0}])
    recorded = []
    for step, (rate, group) in enumerate(zip(RATES, groups), 1):
        for options in optimizer.param_groups:
            options["lr"] = rate
        optimizer.zero_grad()
        samples = sum(len(batch["labels"]) for batch in group)
        for batch in group:
            x = torch.tensor(batch["input"], dtype=torch.float64).reshape(batch["shape"])
            loss = nn.functional.cross_entropy(net(x), torch.tensor(batch["labels"]))
            (loss * len(batch["labels"]) / samples).backward()
        optimizer.step()
        average.update(net, step)
        recorded.append({"state": state(net), "average": state(average.module)})
    return recorded


def state(net: nn.Module) -> dict[str, list[float]]:
    return {name: flat(value) for name, value in net.state_dict().items() if name in SHAPES}


if __name__ == "__main__":
    runs = [batches(sizes, 200 + 100 * i) for i, sizes in enumerate(RUNS)]
    path = write_json("updates.json", {
        "rates": RATES,
        "weightDecay": WEIGHT_DECAY,
        "decay": DECAY,
        "initial": state(initialized()),
        "runs": [{"groups": groups, "updates": train(groups)} for groups in runs],
    })
    print(f"{path}: {len(runs)} runs, {path.stat().st_size} bytes")
