"""Writes test/fixtures/one-cycle.json: twelve steps of optimizers whose rate and momentum OneCycleLR changes, in float64.

Gradients are given; `rates[i]` and `momenta[i]` are those of step i, `parameters[i]` are the parameters after it.
"""

import torch
from torch.optim.lr_scheduler import OneCycleLR

from generator import rounded, uniform, write_json

SHAPE = [3, 4]
STEPS = 12
RATE = 0.05

OPTIMIZERS = [
    ("sgd", {}, lambda p: torch.optim.SGD(p, lr=1, momentum=0.9)),
    ("sgd", {"nesterov": True, "weightDecay": 0.1}, lambda p: torch.optim.SGD(p, lr=1, momentum=0.9, nesterov=True, weight_decay=0.1)),
    ("adam", {}, lambda p: torch.optim.Adam(p, lr=1)),
    ("adamw", {"weightDecay": 0.05, "beta2": 0.99}, lambda p: torch.optim.AdamW(p, lr=1, betas=(0.9, 0.99), weight_decay=0.05)),
]

initial = uniform(SHAPE, 1, -1, 1)
gradients = [uniform(SHAPE, 10 + i, -1, 1) for i in range(STEPS)]


def case(name: str, options: dict, make) -> dict:
    parameter = torch.nn.Parameter(torch.tensor(initial, dtype=torch.float64))
    optimizer = make([parameter])
    scheduler = OneCycleLR(optimizer, max_lr=RATE, total_steps=STEPS, pct_start=0.4)
    rates, momenta, parameters = [], [], []
    for i, gradient in enumerate(gradients):
        group = optimizer.param_groups[0]
        rates.append(float(group["lr"]))
        momenta.append(float(group["betas"][0] if "betas" in group else group["momentum"]))
        parameter.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        parameters.append(parameter.detach().flatten().tolist())
        if i + 1 < STEPS:
            scheduler.step()
    return {"optimizer": name, "options": options, "rates": rounded(rates), "momenta": rounded(momenta), "parameters": rounded(parameters)}


if __name__ == "__main__":
    path = write_json("one-cycle.json", {
        "shape": SHAPE, "rate": RATE, "rise": 0.4,
        "initial": rounded(initial.astype(float).ravel().tolist()),
        "gradients": rounded([g.astype(float).ravel().tolist() for g in gradients]),
        "cases": [case(*row) for row in OPTIMIZERS],
    })
    print(f"{path}: {path.stat().st_size} bytes")
