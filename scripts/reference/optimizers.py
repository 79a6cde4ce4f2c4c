"""Writes test/fixtures/optimizers.json: twelve steps of each optimizer in float64, by torch.optim or by the paper's formula in numpy.

Gradients and learning rates are given, not computed, so that only the optimizer is tested. Every number of the input
is a float32. Hyper-parameters have PyTorch's names; omitted ones have PyTorch's default values, or the paper's.
"""

import numpy as np
import torch

from generator import rounded, uniform, write_json
from papers import Lamb, Lion

SHAPES = {"layer.weight": [3, 4], "layer.bias": [3], "conv.weight": [4, 2, 3, 3], "tall.weight": [6, 2]}
RATES = [float(np.float32(lr)) for lr in (0.01, 0.02, 0.05, 0.1, 0.1, 0.08, 0.05, 0.02, 0.02, 0.01, 0.005, 0.001)]

CASES = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.9, "nesterov": True}),
    ("sgd", {"weight_decay": 0.1}),
    ("sgd", {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    ("adagrad", {}),
    ("adagrad", {"eps": 1e-3}),
    ("adagrad", {"weight_decay": 0.1}),
    ("rmsprop", {}),
    ("rmsprop", {"momentum": 0.9}),
    ("rmsprop", {"centered": True}),
    ("rmsprop", {"alpha": 0.9, "eps": 1e-3, "momentum": 0.5, "centered": True, "weight_decay": 0.1}),
    ("adam", {}),
    ("adam", {"betas": [0.8, 0.95]}),
    ("adam", {"eps": 1e-3}),
    ("adam", {"betas": [0.5, 0.9], "eps": 1e-6, "weight_decay": 0.05}),
    ("adam", {"amsgrad": True}),
    ("adam", {"amsgrad": True, "betas": [0.8, 0.5], "eps": 1e-6, "weight_decay": 0.05}),
    ("adamw", {}),
    ("adamw", {"weight_decay": 0.0}),
    ("adamw", {"betas": [0.8, 0.95], "eps": 1e-6, "weight_decay": 0.05}),
    ("adamw", {"amsgrad": True, "betas": [0.8, 0.5], "eps": 1e-6}),
    ("nadam", {}),
    ("nadam", {"betas": [0.8, 0.95], "momentum_decay": 0.1, "weight_decay": 0.1}),
    ("nadam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("radam", {}),
    ("radam", {"betas": [0.8, 0.9], "eps": 1e-4, "weight_decay": 0.1}),
    ("radam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("lamb", {}),
    ("lamb", {"weight_decay": 0.0}),
    ("lamb", {"betas": [0.8, 0.95], "eps": 1e-3, "weight_decay": 0.2}),
    ("lion", {}),
    ("lion", {"betas": [0.8, 0.95], "weight_decay": 0.1}),
    ("adafactor", {}),
    ("adafactor", {"beta2_decay": -0.5, "eps": [1e-4, 0.1], "d": 1.5, "weight_decay": 0.1}),
    ("muon", {}),
    ("muon", {"nesterov": False, "momentum": 0.5, "ns_steps": 2, "weight_decay": 0.0}),
    ("muon", {"adjust_lr_fn": "original"}),
]
CLASSES = {
    "sgd": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "lamb": Lamb,
    "lion": Lion,
    "adafactor": torch.optim.Adafactor,
}
# Thaw names slots by their meaning, not by how they are stored.
SLOTS = {"momentum_buffer": "momentum"}
NO_SLOTS = {"step", "mu_product"}
RECORDED = [1, 7, 12]


def given_gradients() -> list[dict[str, np.ndarray]]:
    """Gradients of usual size, with elements that are difficult for an optimizer: always zero, very small, large, zero at first."""
    steps = []
    for step in range(len(RATES)):
        gradient = {name: uniform(shape, 100 + 10 * step + i, -1, 1) for i, (name, shape) in enumerate(SHAPES.items())}
        weight = gradient["layer.weight"].ravel()
        weight[0] = 0
        weight[1] *= np.float32(1e-6)
        weight[2] *= np.float32(10)
        if step < 3:
            weight[3] = 0
        steps.append(gradient)
    return steps


class Muon:
    """torch.optim.Muon in double precision for weights as matrices; AdamW for the bias."""

    def __init__(self, groups, lr, weight_decay=0.1, adjust_lr_fn="match_rms_adamw", **options):
        rest = [p for group in groups for p in group["params"] if p.dim() == 1]
        self.kernels = [p for group in groups for p in group["params"] if p.dim() > 1]
        self.matrices = [torch.nn.Parameter(p.detach().flatten(1).clone()) for p in self.kernels]
        self.muon = torch.optim.Muon(self.matrices, lr=lr, weight_decay=weight_decay, adjust_lr_fn=adjust_lr_fn, **options)
        self.adamw = torch.optim.AdamW(rest, lr=lr, weight_decay=0)
        self.param_groups = self.muon.param_groups + self.adamw.param_groups

    def step(self):
        for kernel, matrix in zip(self.kernels, self.matrices):
            matrix.grad = kernel.grad.flatten(1)
        # It rounds to bfloat16 before it makes a matrix orthogonal.
        bfloat16, torch.bfloat16 = torch.bfloat16, torch.float64
        self.muon.step()
        torch.bfloat16 = bfloat16
        self.adamw.step()
        with torch.no_grad():
            for kernel, matrix in zip(self.kernels, self.matrices):
                kernel.copy_(matrix.view_as(kernel))

    @property
    def state(self):
        of_kernels = {kernel: self.muon.state[matrix] for kernel, matrix in zip(self.kernels, self.matrices)}
        return {**of_kernels, **self.adamw.state}


def run(optimizer: str, options: dict, initial: dict, gradients: list) -> dict:
    parameters = {name: torch.nn.Parameter(torch.tensor(value, dtype=torch.float64)) for name, value in initial.items()}
    # No decay on the bias.
    groups = [{"params": [p]} | ({} if p.dim() > 1 else {"weight_decay": 0.0}) for p in parameters.values()]
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    if optimizer == "adafactor":
        plain.setdefault("eps", (2.0**-23, 1e-3))  # float32's, its default
    stepper = CLASSES.get(optimizer, Muon)(groups, lr=RATES[0], **plain)
    numbers = lambda tensor: rounded(tensor.detach().flatten().tolist(), 9)
    steps = []
    for i, (lr, gradient) in enumerate(zip(RATES, gradients), 1):
        for group in stepper.param_groups:
            group["lr"] = lr
        for name, parameter in parameters.items():
            parameter.grad = torch.tensor(gradient[name], dtype=torch.float64)
        stepper.step()
        if i in RECORDED:
            steps.append({name: numbers(parameter) for name, parameter in parameters.items()})
    slots = {
        name: {
            SLOTS.get(slot, slot): numbers(value)
            for slot, value in stepper.state[parameter].items()
            if slot not in NO_SLOTS and value is not None
        }
        for name, parameter in parameters.items()
    }
    return {"parameters": steps, "slots": slots}


if __name__ == "__main__":
    initial = {name: uniform(shape, 1 + i, -1, 1) for i, (name, shape) in enumerate(SHAPES.items())}
    gradients = given_gradients()
    flat = lambda values: {name: rounded(value.ravel().tolist()) for name, value in values.items()}
    path = write_json("optimizers.json", {
        "shapes": SHAPES,
        "initial": flat(initial),
        "steps": [{"lr": lr, "gradients": flat(gradient)} for lr, gradient in zip(RATES, gradients)],
        "recorded": RECORDED,
        "cases": [
            {"optimizer": optimizer, "options": options, **run(optimizer, options, initial, gradients)}
            for optimizer, options in CASES
        ],
    })
    print(f"{path}: {len(CASES)} cases, {path.stat().st_size} bytes")
