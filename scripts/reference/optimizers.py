"""Writes test/fixtures/optimizers.json: ten steps of torch.optim's SGD, Adagrad, Adam and AdamW, in float32 and float64.

Gradients and learning rates are given, not computed, so that nothing but the optimizer is tested. Every number of the input
is a float32. Hyper-parameters carry PyTorch's names and values; those left out have PyTorch's defaults.
"""

import numpy as np
import torch

from generator import rounded, uniform, write_json

SHAPES = {"layer.weight": [3, 4], "layer.bias": [3]}
RATES = [float(np.float32(lr)) for lr in (0.01, 0.02, 0.05, 0.1, 0.1, 0.08, 0.05, 0.02, 0.005, 0.001)]

CASES = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.9, "nesterov": True}),
    ("sgd", {"weight_decay": 0.1}),
    ("sgd", {"momentum": 0.9, "weight_decay": 0.1}),
    ("sgd", {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    ("adagrad", {}),
    ("adagrad", {"eps": 1e-3}),
    ("adagrad", {"weight_decay": 0.1}),
    ("adam", {}),
    ("adam", {"betas": [0.8, 0.95]}),
    ("adam", {"eps": 1e-3}),
    ("adam", {"weight_decay": 0.1}),
    ("adam", {"betas": [0.5, 0.9], "eps": 1e-6, "weight_decay": 0.05}),
    ("adamw", {}),
    ("adamw", {"weight_decay": 0.0}),
    ("adamw", {"weight_decay": 0.3}),
    ("adamw", {"betas": [0.8, 0.95], "eps": 1e-6, "weight_decay": 0.05}),
    # Two parameter groups: no decay on the bias.
    ("adamw", {"weight_decay": 0.3, "decayed": ["layer.weight"]}),
    ("sgd", {"momentum": 0.9, "weight_decay": 0.1, "decayed": ["layer.weight"]}),
]
CLASSES = {"sgd": torch.optim.SGD, "adagrad": torch.optim.Adagrad, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
SLOTS = {"momentum_buffer": "momentum", "sum": "sum", "exp_avg": "exp_avg", "exp_avg_sq": "exp_avg_sq"}


def given_gradients() -> list[dict[str, np.ndarray]]:
    """Of usual size, with the elements that trip an optimizer: always zero, very small, large, zero at first."""
    steps = []
    for step in range(10):
        gradient = {name: uniform(shape, 100 + 2 * step + i, -1, 1) for i, (name, shape) in enumerate(SHAPES.items())}
        weight = gradient["layer.weight"].ravel()
        weight[0] = 0
        weight[1] *= np.float32(1e-6)
        weight[2] *= np.float32(10)
        if step < 3:
            weight[3] = 0
        steps.append(gradient)
    return steps


def run(optimizer: str, options: dict, dtype: torch.dtype, initial: dict, gradients: list) -> dict:
    parameters = {name: torch.nn.Parameter(torch.tensor(value, dtype=dtype)) for name, value in initial.items()}
    plain = {key: value for key, value in options.items() if key != "decayed"}
    decayed = options.get("decayed", list(parameters))
    groups = [{"params": [p]} | ({} if name in decayed else {"weight_decay": 0.0}) for name, p in parameters.items()]
    stepper = CLASSES[optimizer](groups, lr=RATES[0], foreach=False, **plain)
    digits = 9 if dtype is torch.float32 else 15
    numbers = lambda tensor: rounded(tensor.detach().flatten().tolist(), digits)
    steps = []
    for lr, gradient in zip(RATES, gradients):
        for group in stepper.param_groups:
            group["lr"] = lr
        for name, parameter in parameters.items():
            parameter.grad = torch.tensor(gradient[name], dtype=dtype)
        stepper.step()
        steps.append({name: numbers(parameter) for name, parameter in parameters.items()})
    slots = {
        name: {SLOTS[slot]: numbers(value) for slot, value in stepper.state[parameter].items() if slot in SLOTS and value is not None}
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
        "cases": [
            {
                "optimizer": optimizer,
                "options": options,
                "float32": run(optimizer, options, torch.float32, initial, gradients),
                "float64": run(optimizer, options, torch.float64, initial, gradients),
            }
            for optimizer, options in CASES
        ],
    })
    print(f"{path}: {len(CASES)} cases, {path.stat().st_size} bytes")
