"""Operators that move values and compute shapes."""

import math

import torch
from torch.nn import functional as F

from onnx_torch.registry import operator, integers


@operator("Flatten")
def flatten(x, axis=1):
    return x.reshape(math.prod(x.shape[:axis]), -1)


@operator("Reshape")
def reshape(x, shape, allowzero=0):
    return x.reshape([x.shape[i] if d == 0 and not allowzero else d for i, d in enumerate(integers(shape))])


@operator("Transpose")
def transpose(x, perm=None):
    return x.permute(perm or list(reversed(range(x.dim()))))


@operator("Concat")
def concat(*xs, axis):
    return torch.cat(xs, axis)


@operator("Split")
def split(x, sizes=None, axis=0, split=None, num_outputs=None):
    if sizes is not None or split is not None:
        return torch.split(x, integers(sizes if sizes is not None else split), axis)
    return torch.split(x, math.ceil(x.shape[axis] / num_outputs), axis)


@operator("Slice")
def slice_(x, starts_input=None, ends_input=None, axes_input=None, steps=None, starts=None, ends=None, axes=None):
    starts = integers(starts_input if starts_input is not None else starts)
    ends = integers(ends_input if ends_input is not None else ends)
    axes = axes_input if axes_input is not None else axes
    axes = integers(axes) if axes is not None else list(range(len(starts)))
    for start, end, axis, step in zip(starts, ends, axes, integers(steps) if steps is not None else [1] * len(starts)):
        chosen = range(x.shape[axis])[start : end if step > 0 or end >= -x.shape[axis] else None : step]
        x = x.index_select(axis, torch.tensor(list(chosen), dtype=torch.int64))
    return x


@operator("Gather")
def gather(x, indices, axis=0):
    indices = torch.where(indices < 0, indices + x.shape[axis], indices)
    axis %= x.dim()
    return x.index_select(axis, indices.flatten()).reshape(x.shape[:axis] + indices.shape + x.shape[axis + 1 :])


@operator("GatherND")
def gather_nd(x, indices, batch_dims=0):
    if batch_dims:
        raise NotImplementedError("GatherND with batch_dims")
    return x[tuple(indices.unbind(-1))]


@operator("ScatterND")
def scatter_nd(x, indices, updates, reduction=b"none"):
    if reduction != b"none":
        raise NotImplementedError("ScatterND with a reduction")
    return x.to(updates.dtype).index_put(tuple(indices.unbind(-1)), updates)


@operator("CumSum")
def cumulative_sum(x, axis, exclusive=0, reverse=0):
    if exclusive or reverse:
        raise NotImplementedError("CumSum that is exclusive or reverse")
    return x.cumsum(int(axis))


@operator("GatherElements")
def gather_elements(x, indices, axis=0):
    return x.gather(axis, torch.where(indices < 0, indices + x.shape[axis], indices))


@operator("Unsqueeze")
def unsqueeze(x, axes_input=None, axes=None):
    chosen = integers(axes_input if axes_input is not None else axes)
    for axis in sorted(a % (x.dim() + len(chosen)) for a in chosen):
        x = x.unsqueeze(axis)
    return x


@operator("Squeeze")
def squeeze(x, axes_input=None, axes=None):
    chosen = axes_input if axes_input is not None else axes
    return x.squeeze() if chosen is None else x.squeeze(tuple(integers(chosen)))


@operator("Expand")
def expand(x, shape):
    return x.expand(torch.broadcast_shapes(x.shape, tuple(integers(shape))))


@operator("Tile")
def tile(x, repeats):
    return x.repeat(integers(repeats))


@operator("Shape")
def shape(x, start=0, end=None):
    return torch.tensor(list(x.shape)[start:end], dtype=torch.int64)


@operator("Size")
def size(x):
    return torch.tensor(x.numel())


@operator("ConstantOfShape")
def constant_of_shape(shape, value=None):
    filler = torch.zeros(1) if value is None else value
    return filler.reshape(()).expand(integers(shape))


@operator("Range")
def range_(start, limit, step):
    return torch.arange(start.item(), limit.item(), step.item(), dtype=start.dtype)


@operator("OneHot")
def one_hot(indices, depth, values, axis=-1):
    hot = F.one_hot(indices.long() % int(depth), int(depth)).bool()
    return torch.where(hot, values[1], values[0]).movedim(-1, axis)


@operator("Pad")
def pad(x, pads_input=None, value=None, axes=None, pads=None, mode=b"constant"):
    amounts = integers(pads_input if pads_input is not None else pads)
    rank = x.dim()
    if axes is not None:
        full = [0] * (2 * rank)
        for i, axis in enumerate(integers(axes)):
            full[axis], full[rank + axis] = amounts[i], amounts[len(amounts) // 2 + i]
        amounts = full
    flat = [p for i in reversed(range(rank)) for p in (amounts[i], amounts[rank + i])]
    if mode == b"constant":
        return F.pad(x, flat, value=0.0 if value is None else float(value))
    return F.pad(x, flat[: 2 * (rank - 2)], mode={b"reflect": "reflect", b"edge": "replicate"}[mode])
