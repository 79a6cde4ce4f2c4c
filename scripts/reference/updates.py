"""Writes test/fixtures/updates.json: the network of batch_norm.py trained by AdamW, each update made of several batches.

The gradient of an update is the mean over all samples of its batches: each batch's mean loss counts by its share of them. Recorded
are the parameters and the running statistics after each update; in float64.
"""

import torch
from torch import nn

from batch_norm import CLASSES, SHAPES, flat, initialized
from generator import rounded, uniform, write_json

RATES = [0.02, 0.01, 0.005]
WEIGHT_DECAY = 0.1
GROUPS = [[3, 3, 3], [3, 3, 2], [3, 1]]


def batches() -> list[list[dict]]:
    made, seed = [], 200
    for group in GROUPS:
        made.append([])
        for size in group:
            x = uniform([size, 2, 4, 5], seed, -1, 2)
            made[-1].append({"shape": list(x.shape), "input": rounded(x.ravel().tolist()), "labels": [(seed + n) % CLASSES for n in range(size)]})
            seed += 1
    return made


def train(groups) -> list[dict]:
    net = initialized()
    weights, others = [], []
    for p in net.parameters():
        (weights if p.dim() > 1 else others).append(p)
    optimizer = torch.optim.AdamW([{"params": weights, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0}])
    recorded = []
    for rate, group in zip(RATES, groups):
        for options in optimizer.param_groups:
            options["lr"] = rate
        optimizer.zero_grad()
        samples = sum(len(batch["labels"]) for batch in group)
        for batch in group:
            x = torch.tensor(batch["input"], dtype=torch.float64).reshape(batch["shape"])
            loss = nn.functional.cross_entropy(net(x), torch.tensor(batch["labels"]))
            (loss * len(batch["labels"]) / samples).backward()
        optimizer.step()
        recorded.append({name: flat(value) for name, value in net.state_dict().items() if name in SHAPES})
    return recorded


if __name__ == "__main__":
    groups = batches()
    path = write_json("updates.json", {
        "rates": RATES,
        "weightDecay": WEIGHT_DECAY,
        "initial": {name: flat(value) for name, value in initialized().state_dict().items() if name in SHAPES},
        "groups": groups,
        "updates": train(groups),
    })
    print(f"{path}: {len(groups)} updates, {path.stat().st_size} bytes")
