"""Writes test/fixtures/schedules.json: fifty learning rates of each schedule of torch.optim.lr_scheduler, and of transformers.

`rates[i]` is the rate that step i uses, counted from 0. The base rate is 0.1. If there are `metrics`, the i-th is the
value that the scheduler gets after step i.
"""

import math
import warnings

import torch
import transformers
from torch.optim import lr_scheduler as schedulers

from generator import rounded, write_json

STEPS = 50
BASE = 0.1


def warm_up(steps: int, factor: float, then):
    """PyTorch's own composition: a linear rise over `steps`, after which the other schedule starts from its step 0."""
    return lambda o: schedulers.SequentialLR(
        o, [schedulers.LinearLR(o, start_factor=factor, end_factor=1.0, total_iters=steps), then(o)], milestones=[steps]
    )


constant = lambda o: schedulers.LambdaLR(o, lambda step: 1.0)
cosine = lambda steps, floor=0.0: lambda o: schedulers.CosineAnnealingLR(o, T_max=steps, eta_min=floor)
linear = lambda steps, end: lambda o: schedulers.LinearLR(o, start_factor=1.0, end_factor=end, total_iters=steps)
restarts = lambda first, times: lambda o: schedulers.CosineAnnealingWarmRestarts(o, T_0=first, T_mult=times, eta_min=0.001)
plateau = lambda **options: lambda o: schedulers.ReduceLROnPlateau(o, **options)
one_cycle = lambda **options: lambda o: schedulers.OneCycleLR(o, max_lr=BASE, total_steps=STEPS, **options)

CASES = [
    ("constant", "LambdaLR", {}, constant),
    ("linear", "LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 50}, linear(50, 0.0)),
    ("linear", "LinearLR", {"start_factor": 1.0, "end_factor": 0.1, "total_iters": 30}, linear(30, 0.1)),
    ("cosine", "CosineAnnealingLR", {"T_max": 50, "eta_min": 0.0}, cosine(50)),
    ("cosine", "CosineAnnealingLR", {"T_max": 50, "eta_min": 0.001}, cosine(50, 0.001)),
    ("step", "StepLR", {"step_size": 15, "gamma": 0.1}, lambda o: schedulers.StepLR(o, 15, 0.1)),
    ("step", "MultiStepLR", {"milestones": [10, 30], "gamma": 0.5}, lambda o: schedulers.MultiStepLR(o, [10, 30], 0.5)),
    ("exponential", "ExponentialLR", {"gamma": 0.95}, lambda o: schedulers.ExponentialLR(o, 0.95)),
    ("polynomial", "PolynomialLR", {"total_iters": 50, "power": 2.0}, lambda o: schedulers.PolynomialLR(o, 50, 2.0)),
    ("polynomial", "PolynomialLR", {"total_iters": 40, "power": 0.9}, lambda o: schedulers.PolynomialLR(o, 40, 0.9)),
    ("one-cycle", "OneCycleLR", {"pct_start": 0.3, "div_factor": 25.0, "final_div_factor": 1e4, "anneal_strategy": "cos"}, one_cycle()),
    ("one-cycle", "OneCycleLR", {"pct_start": 0.2, "div_factor": 10.0, "final_div_factor": 100.0, "anneal_strategy": "linear"},
     one_cycle(pct_start=0.2, div_factor=10.0, final_div_factor=100.0, anneal_strategy="linear")),
    ("one-cycle", "OneCycleLR", {"pct_start": 0.021, "div_factor": 25.0, "final_div_factor": 1e4, "anneal_strategy": "cos"}, one_cycle(pct_start=0.021)),
    ("cosine-restarts", "CosineAnnealingWarmRestarts", {"T_0": 10, "T_mult": 1, "eta_min": 0.001}, restarts(10, 1)),
    ("cosine-restarts", "CosineAnnealingWarmRestarts", {"T_0": 7, "T_mult": 2, "eta_min": 0.001}, restarts(7, 2)),
    ("polynomial", "get_polynomial_decay_schedule_with_warmup", {"warmup": 8, "total_iters": 50, "power": 3.0, "end": 0.002},
     lambda o: transformers.get_polynomial_decay_schedule_with_warmup(o, 8, 50, lr_end=0.002, power=3.0)),
    ("inverse-sqrt", "get_inverse_sqrt_schedule", {"warmup": 10}, lambda o: transformers.get_inverse_sqrt_schedule(o, 10)),
    ("inverse-sqrt", "get_inverse_sqrt_schedule", {"warmup": 0, "timescale": 6},
     lambda o: transformers.get_inverse_sqrt_schedule(o, 0, timescale=6)),
    ("reduce-on-plateau", "ReduceLROnPlateau", {"mode": "min", "factor": 0.1, "patience": 2, "threshold": 1e-4, "cooldown": 0, "min_lr": 0.0},
     plateau(mode="min", factor=0.1, patience=2)),
    ("reduce-on-plateau", "ReduceLROnPlateau", {"mode": "min", "factor": 0.5, "patience": 1, "threshold": 0.05, "cooldown": 3, "min_lr": 0.01},
     plateau(mode="min", factor=0.5, patience=1, threshold=0.05, cooldown=3, min_lr=0.01)),
    ("reduce-on-plateau", "ReduceLROnPlateau", {"mode": "max", "factor": 0.3, "patience": 0, "threshold": 0.01, "cooldown": 1, "min_lr": 0.0001},
     plateau(mode="max", factor=0.3, patience=0, threshold=0.01, cooldown=1, min_lr=0.0001)),
    ("warm-up", "OneCycleLR", {"steps": 10, "div_factor": 20.0}, one_cycle(pct_start=0.22, div_factor=20.0)),
    ("warm-up", "LinearLR, constant", {"start_factor": 0.1, "steps": 10}, warm_up(10, 0.1, constant)),
    ("warm-up", "LinearLR, CosineAnnealingLR", {"start_factor": 0.1, "steps": 10, "T_max": 40}, warm_up(10, 0.1, cosine(40))),
    ("warm-up", "LinearLR, LinearLR", {"start_factor": 0.01, "steps": 5, "end_factor": 0.0, "total_iters": 45}, warm_up(5, 0.01, linear(45, 0.0))),
]


def metrics(mode: str) -> list[float]:
    """A loss (or an accuracy) that improves more and more slowly, with fluctuations."""
    losses = [0.4 + 1.6 * 0.93**i + 0.12 * math.sin(1.7 * i) for i in range(STEPS)]
    return losses if mode == "min" else [1 - loss / 2.2 for loss in losses]


def rates(schedule, told: list[float] | None) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE)
    scheduler = schedule(optimizer)
    values = []
    for _ in range(STEPS):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(values) < STEPS:
            scheduler.step(*([] if told is None else [told[len(values) - 1]]))
    return rounded([float(value) for value in values], 12)


def case(name: str, source: str, options: dict, schedule) -> dict:
    told = metrics(options["mode"]) if "mode" in options else None
    found = {"schedule": name, "torch": source, "options": options, "rates": rates(schedule, told)}
    return found if told is None else {**found, "metrics": rounded(told, 12)}


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="The epoch parameter")
    path = write_json("schedules.json", {
        "base": BASE,
        "cases": [case(*row) for row in CASES],
    })
    print(f"{path}: {len(CASES)} cases, {path.stat().st_size} bytes")
