"""Numbers by formula, so that no weight needs to be stored: test/reference.ts computes the same ones, bit for bit.

Element i of the tensor with seed t is hash(i + t * 0x9e3779b9 mod 2^32), where hash is the finaliser of MurmurHash3 (Appleby).
A value is low + (high - low) * hash / 2^32 in float64, rounded to float32. The k-th sign vector of a tensor takes bit k of
the hash of i + t * 0x9e3779b9 + 0x7f4a7c15: -1 if it is set, else 1.
"""

import json
from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).resolve().parents[2] / "test" / "fixtures"
PROJECTIONS = 8


def hashes(count: int, seed: int, offset: int = 0) -> np.ndarray:
    x = np.arange(count, dtype=np.uint32) + np.uint32((seed * 0x9E3779B9 + offset) & 0xFFFFFFFF)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> np.uint32(13)
    x *= np.uint32(0xC2B2AE35)
    x ^= x >> np.uint32(16)
    return x


def uniform(shape, seed: int, low: float, high: float) -> np.ndarray:
    """float32 values uniform in [low, high)."""
    unit = hashes(int(np.prod(shape, dtype=np.int64)), seed).astype(np.float64) / 4294967296
    return (low + (high - low) * unit).astype(np.float32).reshape(shape)


def projections(values: np.ndarray, seed: int) -> list[float]:
    """Dot products with the tensor's sign vectors. Their mean square is an unbiased estimate of the squared norm."""
    flat = values.astype(np.float64).ravel()
    bits = hashes(flat.size, seed, 0x7F4A7C15)
    return [float(flat @ (1.0 - 2.0 * ((bits >> np.uint32(k)) & np.uint32(1)))) for k in range(PROJECTIONS)]


def rounded(value, digits: int = 9):
    """Rounds the numbers of a nested list to this many significant digits."""
    if isinstance(value, (list, tuple)):
        return [rounded(item, digits) for item in value]
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def write_json(name: str, document: dict) -> Path:
    """One line for each member of the document, and for each item of a list of objects: small, and readable in a diff."""
    def member(value) -> str:
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return "[\n" + ",\n".join("    " + json.dumps(item) for item in value) + "\n  ]"
        return json.dumps(value)

    path = FIXTURES / name
    path.parent.mkdir(parents=True, exist_ok=True)
    body = ",\n".join(f"  {json.dumps(key)}: {member(value)}" for key, value in document.items())
    path.write_text("{\n" + body + "\n}\n")
    return path
