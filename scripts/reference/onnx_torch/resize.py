"""Resize: along each axis, a product with a matrix of interpolation weights."""

import math

import torch

from onnx_torch.registry import integers, operator


def coordinate(i: int, mode: str, scale: float, size: int, length: int) -> float:
    """The position of the result's i in the original; `length` is the original's size, `size` the result's."""
    if mode == "asymmetric":
        return i / scale
    if mode == "align_corners":
        return i * (size - 1) / (length - 1) if length > 1 else 0.0
    if mode == "pytorch_half_pixel" and length == 1:
        return 0.0
    if mode == "half_pixel_symmetric":
        return size / 2 * (1 - length / (scale * size)) + (i + 0.5) / scale - 0.5
    if mode in ("half_pixel", "pytorch_half_pixel"):
        return (i + 0.5) / scale - 0.5
    raise NotImplementedError(f"Resize with coordinates {mode}")


def cubic(distance: float, a: float) -> float:
    d = abs(distance)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def taps(at: float, mode: str, nearest: str, a: float) -> list[tuple[int, float]]:
    low = math.floor(at)
    if mode == "linear":
        return [(low, 1 - (at - low)), (low + 1, at - low)]
    if mode == "cubic":
        return [(k, cubic(at - k, a)) for k in range(low - 1, low + 3)]
    half = at - low == 0.5
    round_up = {"floor": False, "ceil": at > low, "round_prefer_floor": at - low > 0.5, "round_prefer_ceil": half or at - low > 0.5}[nearest]
    return [(low + round_up, 1.0)]


@operator("Resize")
def resize(
    x, roi=None, scales=None, sizes=None, antialias=0, axes=None, coordinate_transformation_mode=b"half_pixel", cubic_coeff_a=-0.75,
    exclude_outside=0, extrapolation_value=0.0, keep_aspect_ratio_policy=b"stretch", mode=b"nearest", nearest_mode=b"round_prefer_floor",
):
    if antialias or exclude_outside or keep_aspect_ratio_policy != b"stretch":
        raise NotImplementedError("Resize with antialias, exclude_outside or keep_aspect_ratio_policy")
    axes = axes or range(x.dim())
    for i, axis in enumerate(axes):
        size = x.shape[axis]
        scale = float(scales[i]) if sizes is None or not len(sizes) else integers(sizes)[i] / size
        length = math.floor(size * scale) if sizes is None or not len(sizes) else integers(sizes)[i]
        if length == size and scale == 1:
            continue
        matrix = torch.zeros(length, size, dtype=x.dtype)
        for row in range(length):
            at = coordinate(row, coordinate_transformation_mode.decode(), scale, size, length)
            for tap, weight in taps(at, mode.decode(), nearest_mode.decode(), cubic_coeff_a):
                matrix[row, min(max(tap, 0), size - 1)] += weight
        x = torch.tensordot(x, matrix, ([axis], [1])).movedim(-1, axis)
    return x
