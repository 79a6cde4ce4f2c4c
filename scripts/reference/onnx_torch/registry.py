"""Operators by name, each a function of its inputs (None if omitted) and its attributes."""

import torch

OPERATORS = {}


def operator(*names):
    def register(function):
        OPERATORS.update(dict.fromkeys(names, function))
        return function
    return register


def integers(values) -> list[int]:
    return [int(v) for v in values] if not isinstance(values, torch.Tensor) else values.flatten().tolist()
