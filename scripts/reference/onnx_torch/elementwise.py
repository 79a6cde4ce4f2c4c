"""Elementwise operators."""

import torch
from torch.nn import functional as F

from onnx_torch.registry import OPERATORS, operator


def unary(name, function):
    OPERATORS[name] = lambda x: function(x)


for name, function in {
    "Relu": torch.relu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh, "Exp": torch.exp, "Log": torch.log, "Sqrt": torch.sqrt,
    "Erf": torch.erf, "Neg": torch.neg, "Abs": torch.abs, "Reciprocal": torch.reciprocal, "Softplus": F.softplus,
    "Floor": torch.floor, "Ceil": torch.ceil, "Identity": lambda x: x, "HardSwish": F.hardswish, "Mish": F.mish, "Not": torch.logical_not,
    "IsNaN": torch.isnan, "Round": torch.round, "Sign": torch.sign, "Sin": torch.sin, "Cos": torch.cos, "Softsign": F.softsign,
}.items():
    unary(name, function)

for name, function in {
    "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "MatMul": torch.matmul, "Pow": torch.pow, "Equal": torch.eq,
    "Greater": torch.gt, "GreaterOrEqual": torch.ge, "Less": torch.lt, "LessOrEqual": torch.le, "And": torch.logical_and,
    "Or": torch.logical_or, "Where": torch.where,
}.items():
    OPERATORS[name] = function


@operator("Div")
def div(a, b):
    return torch.div(a, b, rounding_mode=None if a.is_floating_point() else "trunc")


@operator("Mod")
def modulo(a, b, fmod=0):
    return torch.fmod(a, b) if fmod else torch.remainder(a, b)


@operator("Max")
def maximum(*xs):
    return torch.stack(torch.broadcast_tensors(*xs)).amax(0)


@operator("Min")
def minimum(*xs):
    return torch.stack(torch.broadcast_tensors(*xs)).amin(0)


@operator("Sum")
def total(*xs):
    return sum(xs[1:], xs[0])


@operator("LeakyRelu")
def leaky_relu(x, alpha=0.01):
    return F.leaky_relu(x, alpha)


@operator("Elu")
def elu(x, alpha=1.0):
    return F.elu(x, alpha)


@operator("PRelu")
def prelu(x, slope):
    return torch.where(x < 0, slope * x, x)


@operator("Gelu")
def gelu(x, approximate=b"none"):
    return F.gelu(x, approximate=approximate.decode())


@operator("HardSigmoid")
def hard_sigmoid(x, alpha=0.2, beta=0.5):
    return (alpha * x + beta).clamp(0, 1)


@operator("Clip")
def clip(x, low=None, high=None, min=None, max=None):
    low, high = low if low is not None else min, high if high is not None else max
    return torch.clamp(x, None if low is None else float(low), None if high is None else float(high))


@operator("Softmax")
def softmax(x, axis=-1):
    return torch.softmax(x, axis)


@operator("LogSoftmax")
def log_softmax(x, axis=-1):
    return torch.log_softmax(x, axis)
