"""What a network of the zoo is: how it is built and exported, and what it is given."""

from collections.abc import Callable
from dataclasses import dataclass, field

import onnx
import torch
from torch import nn

import exporters
from generator import uniform

CLASSES = 10
EXPORT_BATCH = 2  # not the references', so that a batch frozen in the graph shows
INPUT_SEED = 100_000  # far from the tensors' seeds
WIDEST = 1.7

Entry = dict  # {name, shape, seed, low, high} for floats, {name, shape, values} for whole numbers


def entry_value(entry: Entry) -> torch.Tensor:
    if "values" in entry:
        return torch.tensor(entry["values"], dtype=torch.int64).reshape(entry["shape"])
    return torch.from_numpy(uniform(entry["shape"], entry["seed"], entry["low"], entry["high"]))


class Pictures:
    """Normalized pictures [batch, 3, size, size], or with the channels last."""

    labels = [1, 4, 7]
    dynamic = {"input": {0: "batch"}}

    def __init__(self, size: int = 64, channels_last: bool = False):
        self.shape = [size, size, 3] if channels_last else [3, size, size]

    def example(self) -> tuple[torch.Tensor, ...]:
        return (torch.zeros(EXPORT_BATCH, *self.shape),)

    def runs(self, attempt: int) -> list[list[Entry]]:
        shape = [len(self.labels), *self.shape]
        return [[{"name": "input", "shape": shape, "seed": INPUT_SEED + attempt, "low": -WIDEST, "high": WIDEST}]]


class Tokens:
    """Padded sequences of two lengths, neither of them the one exported with."""

    labels = [1, 4, 7]
    exported = 8
    lengths = [(7, [7, 5, 2]), (11, [4, 11, 9])]

    def __init__(self, vocabulary: int, *names: str):
        self.vocabulary, self.names = vocabulary, names
        self.dynamic = {name: {0: "batch", 1: "sequence"} for name in names}

    def example(self) -> tuple[torch.Tensor, ...]:
        return tuple(torch.ones(EXPORT_BATCH, self.exported, dtype=torch.int64) for _ in self.names)

    def runs(self, attempt: int) -> list[list[Entry]]:
        return [[self.entry(name, length, words, attempt) for name in self.names] for length, words in self.lengths]

    def entry(self, name: str, length: int, words: list[int], attempt: int) -> Entry:
        shape = [len(words), length]
        generator = torch.Generator().manual_seed(100 * attempt + length)
        if name == "attention_mask":
            values = [int(i < count) for count in words for i in range(length)]
        elif name == "token_type_ids":
            values = [int(i >= count // 2) for count in words for i in range(length)]
        else:
            values = torch.randint(self.vocabulary, shape, generator=generator).flatten().tolist()
        return {"name": name, "shape": shape, "values": values}


@dataclass(frozen=True)
class Task:
    """What a network of the named source is given.

    `margin`: how far gradients may be off when every weight is off by some roundings (see reference.py).
    """

    source: str
    inputs: Pictures | Tokens = field(default_factory=Pictures)
    loss: str = "cross-entropy"
    margin: float = 2e-4


@dataclass(frozen=True, kw_only=True)
class Network(Task):
    """A module without pretrained weights, in one way of exporting it."""

    build: Callable[[], nn.Module]
    export: Callable[[nn.Module, Pictures | Tokens], onnx.ModelProto] = exporters.torchscript
