"""States on disk and in messages, and the command that takes and gives them."""

import json
import os
import shlex
import subprocess
from pathlib import Path

import numpy as np
from flwr.app import Array, ArrayRecord
from safetensors import safe_open
from safetensors.numpy import save


def read_state(path: Path) -> tuple[ArrayRecord, dict[str, str]]:
    """The tensors of a state, and its metadata."""
    with safe_open(path, framework="numpy") as file:
        arrays = {name: array_of(file.get_tensor(name)) for name in file.keys()}
        return ArrayRecord(arrays), dict(file.metadata())


def array_of(values: np.ndarray) -> Array:
    """As `Array(values)`, but without the spaces that NumPy fills its header with: a head of few classes is not much more than that."""
    head = f"{{'descr': '{values.dtype.str}', 'fortran_order': False, 'shape': {values.shape}}}\n".encode()
    data = np.lib.format.magic(1, 0) + len(head).to_bytes(2, "little") + head + np.ascontiguousarray(values).tobytes()
    return Array(dtype=str(values.dtype), shape=values.shape, stype="numpy.ndarray", data=data)


def write_state(path: Path, arrays: ArrayRecord, metadata: dict[str, str]) -> None:
    """Writes a state beside its place and moves it there: whatever happens, the old one or the new one is whole."""
    tensors = {name: np.ascontiguousarray(array.numpy()) for name, array in arrays.items()}
    unfinished = path.with_name(f".{path.name}.tmp")
    with open(unfinished, "wb") as file:
        file.write(save(tensors, metadata))
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def kept_states(state: Path) -> dict[int, Path]:
    """The states of earlier rounds beside the last one, by their rounds."""
    names = {path: path.stem.removeprefix("round-") for path in (state.parent / "states").glob("round-*.safetensors")}
    return {int(number): path for path, number in names.items() if number.isdecimal()}


def keep_state(state: Path, arrays: ArrayRecord, metadata: dict[str, str], keep: int) -> None:
    """Writes the state of a round twice: in the place of the last one, and beside those of so many rounds, of which the oldest goes."""
    if keep > 0:
        number = int(metadata["rounds"])
        (state.parent / "states").mkdir(exist_ok=True)
        write_state(state.parent / "states" / f"round-{number}.safetensors", arrays, metadata)
    write_state(state, arrays, metadata)
    for number, path in sorted(kept_states(state).items())[: -keep or None]:
        path.unlink()


def forget_after(state: Path, rounds: int) -> None:
    """Removes the states of rounds that are done again, since the last state was put back to an earlier one."""
    for number, path in kept_states(state).items():
        if number > rounds:
            path.unlink()


def thaw_round(thaw: str, *words: str | Path) -> dict:
    """Runs `thaw round`. What it refuses becomes an error of one line, which Flower tells the server."""
    command = [*shlex.split(thaw), "round", *map(str, words), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"{command[0]} ended with {done.returncode}"]
        raise RuntimeError(lines[-1])
    return json.loads(done.stdout)
