"""Convolution, pooling, products, normalization, reductions."""

import math

import torch
from torch.nn import functional as F

from onnx_torch.registry import OPERATORS, integers, operator


def pad_spatial(x, pads, value=0.0):
    rank = len(pads) // 2
    return F.pad(x, [p for i in reversed(range(rank)) for p in (pads[i], pads[rank + i])], value=value)


def explicit_pads(x, kernel, strides, dilations, pads, auto_pad, ceil_mode=0) -> list[int]:
    """ONNX's padding, which may be asymmetric, with `auto_pad` and `ceil_mode` turned into numbers."""
    rank = len(kernel)
    pads = list(pads or [0] * (2 * rank))
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilations)]
    for i in range(rank):
        size = x.shape[2 + i]
        if auto_pad in (b"SAME_UPPER", b"SAME_LOWER"):
            lack = max((math.ceil(size / strides[i]) - 1) * strides[i] + reach[i] - size, 0)
            small, large = lack // 2, lack - lack // 2
            pads[i], pads[rank + i] = (small, large) if auto_pad == b"SAME_UPPER" else (large, small)
        elif ceil_mode:
            room = size + pads[i] + pads[rank + i] - reach[i]
            steps = math.ceil(room / strides[i])
            if steps * strides[i] >= size + pads[i]:  # a window may not start in the padding at the end
                steps -= 1
            pads[rank + i] += max(steps * strides[i] - room, 0)
    return pads


@operator("Conv")
def conv(x, w, b=None, auto_pad=b"NOTSET", dilations=None, group=1, kernel_shape=None, pads=None, strides=None):
    rank = x.dim() - 2
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    x = pad_spatial(x, explicit_pads(x, w.shape[2:], strides, dilations, pads, auto_pad))
    return [F.conv1d, F.conv2d, F.conv3d][rank - 1](x, w, b, strides, 0, dilations, group)


@operator("ConvTranspose")
def conv_transpose(x, w, b=None, auto_pad=b"NOTSET", dilations=None, group=1, kernel_shape=None, output_padding=None, output_shape=None, pads=None, strides=None):
    if auto_pad != b"NOTSET" or output_shape is not None:
        raise NotImplementedError("ConvTranspose with auto_pad or output_shape")
    rank = x.dim() - 2
    ones, pads = [1] * rank, pads or [0] * (2 * rank)
    convolution = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][rank - 1]
    y = convolution(x, w, b, strides or ones, 0, output_padding or 0, group, dilations or ones)
    for i in range(rank):
        y = y.narrow(2 + i, pads[i], y.shape[2 + i] - pads[i] - pads[rank + i])
    return y


@operator("MaxPool")
def max_pool(x, kernel_shape, auto_pad=b"NOTSET", ceil_mode=0, dilations=None, pads=None, storage_order=0, strides=None):
    rank = len(kernel_shape)
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    x = pad_spatial(x, explicit_pads(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode), -math.inf)
    return [F.max_pool1d, F.max_pool2d, F.max_pool3d][rank - 1](x, kernel_shape, strides, 0, dilations)


@operator("AveragePool")
def average_pool(x, kernel_shape, auto_pad=b"NOTSET", ceil_mode=0, count_include_pad=0, dilations=None, pads=None, strides=None):
    rank = len(kernel_shape)
    strides = strides or [1] * rank
    pool = [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d][rank - 1]
    complete = explicit_pads(x, kernel_shape, strides, [1] * rank, pads, auto_pad, ceil_mode)
    counted = torch.ones_like(x[:1, :1])
    if count_include_pad:  # of the padding, all but what ceil_mode adds
        declared = explicit_pads(x, kernel_shape, strides, [1] * rank, pads, auto_pad)
        counted = pad_spatial(pad_spatial(counted, declared, 1.0), [c - d for c, d in zip(complete, declared)])
    else:
        counted = pad_spatial(counted, complete)
    return pool(pad_spatial(x, complete), kernel_shape, strides) / pool(counted, kernel_shape, strides)


@operator("GlobalAveragePool")
def global_average_pool(x):
    return x.mean(tuple(range(2, x.dim())), keepdim=True)


@operator("GlobalMaxPool")
def global_max_pool(x):
    return x.amax(tuple(range(2, x.dim())), keepdim=True)


@operator("Gemm")
def gemm(a, b, c=None, alpha=1.0, beta=1.0, transA=0, transB=0):
    y = alpha * ((a.T if transA else a) @ (b.T if transB else b))
    return y if c is None else y + beta * c


@operator("Einsum")
def einsum(*xs, equation):
    return torch.einsum(equation.decode(), *xs)


@operator("BatchNormalization")
def batch_normalization(x, scale, bias, mean, variance, epsilon=1e-5, momentum=0.9, training_mode=0, spatial=1):
    along = lambda v: v.reshape([1, -1] + [1] * (x.dim() - 2))
    if training_mode:
        others = [axis for axis in range(x.dim()) if axis != 1]
        mean, variance = x.mean(others), x.var(others, correction=0)
    return (x - along(mean)) / torch.sqrt(along(variance) + epsilon) * along(scale) + along(bias)


@operator("InstanceNormalization")
def instance_normalization(x, scale, bias, epsilon=1e-5):
    return F.instance_norm(x, weight=scale, bias=bias, eps=epsilon)


@operator("LayerNormalization")
def layer_normalization(x, scale, bias=None, axis=-1, epsilon=1e-5, stash_type=1):
    y = F.layer_norm(x, x.shape[axis:], eps=epsilon) * scale
    return y if bias is None else y + bias


@operator("LRN")
def lrn(x, size, alpha=1e-4, beta=0.75, bias=1.0):
    return F.local_response_norm(x, size, alpha, beta, bias)


@operator("Dropout")
def dropout(x, *_, **__):
    return x


def product(x, axes, keep):
    for axis in sorted(axis % x.dim() for axis in axes)[::-1]:
        x = x.prod(axis, keep)
    return x


def reduction(function):
    def reduce(x, axes_input=None, axes=None, keepdims=1, noop_with_empty_axes=0):
        chosen = integers(axes_input if axes_input is not None else axes or [])
        if not chosen and noop_with_empty_axes:
            return x
        return function(x, tuple(chosen or range(x.dim())), bool(keepdims))
    return reduce


OPERATORS["ReduceMean"] = reduction(torch.mean)
OPERATORS["ReduceProd"] = reduction(product)
OPERATORS["ReduceSum"] = reduction(torch.sum)
OPERATORS["ReduceMax"] = reduction(torch.amax)
OPERATORS["ReduceMin"] = reduction(torch.amin)
OPERATORS["ReduceSumSquare"] = reduction(lambda x, axes, keep: (x * x).sum(axes, keep))
OPERATORS["ReduceL2"] = reduction(lambda x, axes, keep: (x * x).sum(axes, keep).sqrt())
OPERATORS["ReduceLogSumExp"] = reduction(torch.logsumexp)
