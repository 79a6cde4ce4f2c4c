"""What an answer of a client must be to count in a round, and how much it may count. Plain Python and NumPy, without Flower."""

import io
import math
import re
from collections.abc import Mapping, Sequence

import numpy as np

# Losses, scores and counts of samples are smaller.
LARGEST = 1e12
MOST_METRICS = 64
METRIC = re.compile(r"[\w .:@/%+-]{1,64}")
LONGEST = 300

State = Mapping[str, np.ndarray]


class Fault(ValueError):
    """Why an answer does not count, in one line."""


def line_of(text: object, longest: int = LONGEST) -> str:
    """A stranger's text as one line of at most so many characters, without those that a terminal obeys or that turn the writing around."""
    known = (" " if character.isspace() else character if character.isprintable() else "\ufffd" for character in str(text)[: 4 * longest])
    line = " ".join("".join(known).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def array_in(name: str, data: bytes, like: np.ndarray) -> np.ndarray:
    """
    The array in the bytes of an .npy file (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html), whose header must have
    the type and the shape of another array. Nothing is allocated for what the header says.
    """
    file = io.BytesIO(data)
    try:
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, fortran, dtype = readers[np.lib.format.read_magic(file)](file)
    except Exception as error:
        # A header is text that NumPy parses: it has many ways to be wrong.
        raise Fault(f'"{name}" is not an array of NumPy') from error
    if dtype != like.dtype:
        raise Fault(f'"{name}" is {line_of(dtype, 40)}, not {like.dtype}')
    if shape != like.shape:
        raise Fault(f'"{name}" has the shape {line_of(shape, 60)}, not {like.shape}')
    if len(data) - file.tell() != like.nbytes:
        raise Fault(f'"{name}" has {len(data) - file.tell()} bytes of numbers, not {like.nbytes}')
    return np.frombuffer(data, dtype, offset=file.tell()).reshape(shape, order="F" if fortran else "C")


def check_values(name: str, values: np.ndarray, variance: bool) -> None:
    """Numbers that a network can have. A running variance below zero makes NaN of everything."""
    if not np.isfinite(values).all():
        raise Fault(f'"{name}" has values that are not finite')
    if variance and (values < 0).any():
        raise Fault(f'"{name}" is a variance and has values below zero')


def is_number(value: object) -> bool:
    """Whether a metric is one number, which may be NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and not abs(value) > LARGEST


def count_in(metrics: Mapping[str, object], name: str, least: int) -> int:
    """A number of samples. One that is too large is not a fault: `capped` takes care of it."""
    value = metrics.get(name)
    whole = not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    if not whole or value < least:
        raise Fault(f"{name} is {line_of('missing' if value is None else value, 40)}, not a whole number from {least}")
    return int(value)


def scores_in(metrics: Mapping[str, object]) -> dict[str, float]:
    """The metrics that are numbers. One that is NaN could not be measured, and is left out."""
    if len(metrics) > MOST_METRICS:
        raise Fault(f"{len(metrics)} metrics, more than {MOST_METRICS}")
    for name, value in metrics.items():
        if not METRIC.fullmatch(name):
            raise Fault(f'a metric is called "{line_of(name, 40)}"')
        if not is_number(value):
            raise Fault(f"{name} is {line_of(value, 40)}, not a number up to {LARGEST:.0e}")
    return {name: value for name, value in metrics.items() if not math.isnan(value)}


def lower_median(numbers: Sequence[float]) -> float:
    """Of an even number of numbers the smaller one in the middle: with two clients that of the smaller one."""
    return sorted(numbers)[(len(numbers) - 1) // 2]


def capped(counts: Sequence[int], factor: float) -> list[int]:
    """Each count, but at most `factor` times the lower median of all; with 0 unchanged."""
    if not factor or not counts:
        return list(counts)
    most = max(1, math.floor(factor * lower_median(counts)))
    return [min(count, most) for count in counts]


def distance(after: State, before: State) -> float:
    """The L2 norm of an update, all of its tensors as one vector."""
    return math.sqrt(sum(float(np.square(after[name].astype(np.float64) - before[name]).sum()) for name in before))


def norm_limit(norms: Sequence[float], factor: float) -> float:
    """`factor` times the lower median of the norms. A client that changes nothing does not say how far others may go."""
    moved = [norm for norm in norms if norm > 0]
    return factor * lower_median(moved) if moved else math.inf


def shortened(after: State, before: State, share: float) -> dict[str, np.ndarray]:
    """
    w⁰ + s·(w − w⁰) for a share s = min(1, M/‖w − w⁰‖): norm bounding of Sun et al., "Can You Really Backdoor Federated Learning?",
    https://arxiv.org/abs/1911.07963, section 4.
    """
    return {
        name: (own + share * (after[name].astype(np.float64) - own)).astype(own.dtype) for name, own in before.items()
    }


def median_of(states: Sequence[State]) -> dict[str, np.ndarray]:
    """
    The median of each element: Yin et al., "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates",
    https://arxiv.org/abs/1803.01498, definition 1.
    """
    return {
        name: np.median(np.stack([state[name] for state in states]), axis=0).astype(first.dtype)
        for name, first in states[0].items()
    }


def noisy(state: State, deviation: float, random: np.random.Generator) -> dict[str, np.ndarray]:
    """A state with normal noise on each element."""
    return {name: (values + random.normal(0.0, deviation, values.shape)).astype(values.dtype) for name, values in state.items()}


def mean_of(parts: Sequence[Mapping[str, float]], weights: Sequence[float]) -> dict[str, float]:
    """The weighted mean of each score over those that have it."""
    means = {}
    for name in sorted(set().union(*parts)):
        own = [(weight, part[name]) for weight, part in zip(weights, parts, strict=True) if name in part]
        if total := sum(weight for weight, _ in own):
            means[name] = sum(weight * score for weight, score in own) / total
    return means
