"""Writes test/fixtures/clipping.json: gradients clipped by torch.nn.utils and by timm's adaptive_clip_grad, in float64.

The parameters are those of optimizers.py; their gradients differ in size from unit to unit.
"""

import numpy as np
import torch
from timm.utils.agc import adaptive_clip_grad

from generator import rounded, uniform, write_json
from optimizers import SHAPES

CASES = [{"norm": 0.5}, {"norm": 3}, {"norm": 1000}, {"value": 0.3}, {"adaptive": 0.01}, {"adaptive": 0.3}, {"adaptive": 100}]
CLIP = {
    "norm": torch.nn.utils.clip_grad_norm_,
    "value": torch.nn.utils.clip_grad_value_,
    "adaptive": adaptive_clip_grad,
}

if __name__ == "__main__":
    flat = lambda values: {name: rounded(value.ravel().tolist()) for name, value in values.items()}
    values = {name: uniform(shape, 1 + i, -1, 1) for i, (name, shape) in enumerate(SHAPES.items())}
    values["tall.weight"][1] *= np.float32(1e-4)  # a unit below the least norm
    gradients = {name: uniform(shape, 50 + i, -1, 1) for i, (name, shape) in enumerate(SHAPES.items())}
    for gradient in gradients.values():
        gradient[0] *= np.float32(0.01)
        gradient[1] = 0

    cases = []
    for case in CASES:
        [(kind, limit)] = case.items()
        parameters = {name: torch.nn.Parameter(torch.tensor(value, dtype=torch.float64)) for name, value in values.items()}
        for name, parameter in parameters.items():
            parameter.grad = torch.tensor(gradients[name], dtype=torch.float64)
        CLIP[kind](list(parameters.values()), limit)
        cases.append({"clip": case, "gradients": {name: rounded(p.grad.flatten().tolist()) for name, p in parameters.items()}})
    path = write_json("clipping.json", {"shapes": SHAPES, "parameters": flat(values), "gradients": flat(gradients), "cases": cases})
    print(f"{path}: {len(cases)} cases, {path.stat().st_size} bytes")
