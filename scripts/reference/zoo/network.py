"""Defines a network of the zoo: how to build and export it, and its inputs."""

from collections.abc import Callable
from dataclasses import dataclass, field

import onnx
import torch
from torch import nn

import exporters
from generator import uniform

CLASSES = 10
EXPORT_BATCH = 2  # differs from the references', to reveal a batch frozen in the graph
INPUT_SEED = 100_000  # far from the tensors' seeds
WIDEST = 1.7

Entry = dict  # {name, shape, seed, low, high} for floats, {name, shape, values} for integers


def entry_value(entry: Entry) -> torch.Tensor:
    if "values" in entry:
        return torch.tensor(entry["values"], dtype=torch.int64).reshape(entry["shape"])
    return torch.from_numpy(uniform(entry["shape"], entry["seed"], entry["low"], entry["high"]))


class Images:
    """Normalized images [batch, 3, size, size], or with the channels last."""

    labels = [1, 4, 7]
    dynamic = {"input": {0: "batch"}}

    def __init__(self, size: int = 64, channels_last: bool = False):
        self.shape = [size, size, 3] if channels_last else [3, size, size]

    def example(self) -> tuple[torch.Tensor, ...]:
        return (torch.zeros(EXPORT_BATCH, *self.shape),)

    def runs(self, attempt: int) -> list[list[Entry]]:
        return [self.exported_run(attempt)]

    def exported_run(self, attempt: int) -> list[Entry]:
        """An input of the export's size."""
        return [{"name": "input", "shape": [len(self.labels), *self.shape], "seed": INPUT_SEED + attempt, "low": -WIDEST, "high": WIDEST}]


class Tokens:
    """Padded sequences of two lengths, neither of which is the export's."""

    labels = [1, 4, 7]
    exported = 8
    lengths = [(7, [7, 5, 2]), (11, [4, 11, 9])]

    def __init__(self, vocabulary: int, *names: str):
        self.vocabulary, self.names = vocabulary, names
        self.dynamic = {name: {0: "batch", 1: "sequence"} for name in names}

    def example(self) -> tuple[torch.Tensor, ...]:
        return tuple(torch.ones(EXPORT_BATCH, self.exported, *([4] if name == "bbox" else []), dtype=torch.int64) for name in self.names)

    def runs(self, attempt: int) -> list[list[Entry]]:
        return [[self.entry(name, length, words, attempt) for name in self.names] for length, words in self.lengths]

    def exported_run(self, attempt: int) -> list[Entry]:
        return [self.entry(name, self.exported, [8, 5, 3], attempt) for name in self.names]

    def entry(self, name: str, length: int, words: list[int], attempt: int) -> Entry:
        shape = [len(words), length]
        generator = torch.Generator().manual_seed(100 * attempt + length)
        if name == "attention_mask":
            values = [int(i < count) for count in words for i in range(length)]
        elif name == "bbox":  # left, top, right, bottom of each word
            shape = [*shape, 4]
            values = [value for _ in words for i in range(length) for value in (i, 2 * i, i + 3, 2 * i + 5)]
        elif name == "token_type_ids":
            values = [int(i >= count // 2) for count in words for i in range(length)]
        else:
            values = torch.randint(self.vocabulary, shape, generator=generator).flatten().tolist()
        return {"name": name, "shape": shape, "values": values}


class Features:
    """Floats of given shapes by input name, each with the batch first; an axis named in a shape is dynamic, with the sizes of `lengths`."""

    labels = [1, 4, 7]
    exported = 8
    lengths = [7, 11]

    def __init__(self, **shapes: list[int | str]):
        self.shapes = shapes
        self.dynamic = {
            name: {0: "batch"} | {axis + 1: size for axis, size in enumerate(shape) if isinstance(size, str)} for name, shape in shapes.items()
        }

    def sized(self, name: str, length: int) -> list[int]:
        return [length if isinstance(size, str) else size for size in self.shapes[name]]

    def example(self) -> tuple[torch.Tensor, ...]:
        return tuple(torch.zeros(EXPORT_BATCH, *self.sized(name, self.exported)) for name in self.shapes)

    def runs(self, attempt: int) -> list[list[Entry]]:
        dynamic = any(isinstance(size, str) for shape in self.shapes.values() for size in shape)
        return [self.entries(length, attempt) for length in (self.lengths if dynamic else self.lengths[:1])]

    def exported_run(self, attempt: int) -> list[Entry]:
        return self.entries(self.exported, attempt)

    def entries(self, length: int, attempt: int) -> list[Entry]:
        shapes = {name: [len(self.labels), *self.sized(name, length)] for name in self.shapes}
        return [
            {"name": name, "shape": shape, "seed": INPUT_SEED + 100 * i + attempt, "low": -WIDEST, "high": WIDEST}
            for i, (name, shape) in enumerate(shapes.items())
        ]


@dataclass(frozen=True)
class Task:
    """The inputs and the margin for a network of the named source.

    `margin`: the allowed error of gradients if every weight is off by some roundings (see reference.py).
    """

    source: str
    inputs: Images | Tokens | Features = field(default_factory=Images)
    loss: str = "cross-entropy"
    margin: float = 2e-4


@dataclass(frozen=True, kw_only=True)
class Family(Task):
    """A module without pretrained weights, which families.py exports in all ways of exporters.EVERY."""

    build: Callable[[], nn.Module]


@dataclass(frozen=True, kw_only=True)
class Network(Family):
    """A module with one way to export it."""

    export: Callable[[nn.Module, Images | Tokens], onnx.ModelProto] = exporters.torchscript
