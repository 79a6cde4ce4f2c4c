"""Runs an ONNX graph in PyTorch, differentiably and in any precision: an oracle for models that have no PyTorch source.

Plain definitions by the ONNX specification, none of them Thaw's. Integer tensors (shapes, indices) are torch tensors too.
"""

import math

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch.nn import functional as F

OPERATORS = {}


def operator(*names):
    def register(function):
        OPERATORS.update(dict.fromkeys(names, function))
        return function
    return register


def unary(name, function):
    OPERATORS[name] = lambda x: function(x)


def integers(values) -> list[int]:
    return [int(v) for v in values] if not isinstance(values, torch.Tensor) else values.flatten().tolist()


for name, function in {
    "Relu": torch.relu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh, "Exp": torch.exp, "Log": torch.log, "Sqrt": torch.sqrt,
    "Erf": torch.erf, "Neg": torch.neg, "Abs": torch.abs, "Reciprocal": torch.reciprocal, "Softplus": F.softplus,
    "Floor": torch.floor, "Ceil": torch.ceil, "Identity": lambda x: x, "HardSwish": F.hardswish, "Mish": F.mish, "Not": torch.logical_not,
    "Sign": torch.sign, "Sin": torch.sin, "Cos": torch.cos, "Softsign": F.softsign,
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


def pad_spatial(x, pads, value=0.0):
    rank = len(pads) // 2
    return F.pad(x, [p for i in reversed(range(rank)) for p in (pads[i], pads[rank + i])], value=value)


def explicit_pads(x, kernel, strides, dilations, pads, auto_pad, ceil_mode=0) -> list[int]:
    """ONNX's padding, which may be lopsided, with `auto_pad` and `ceil_mode` turned into numbers."""
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


@operator("BatchNormalization")
def batch_normalization(x, scale, bias, mean, variance, epsilon=1e-5, momentum=0.9, training_mode=0, spatial=1):
    if training_mode:
        raise NotImplementedError("BatchNormalization with training_mode")
    along = lambda v: v.reshape([1, -1] + [1] * (x.dim() - 2))
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


def reduction(function):
    def reduce(x, axes_input=None, axes=None, keepdims=1, noop_with_empty_axes=0):
        chosen = integers(axes_input if axes_input is not None else axes or [])
        if not chosen and noop_with_empty_axes:
            return x
        return function(x, tuple(chosen or range(x.dim())), bool(keepdims))
    return reduce


OPERATORS["ReduceMean"] = reduction(torch.mean)
OPERATORS["ReduceSum"] = reduction(torch.sum)
OPERATORS["ReduceMax"] = reduction(torch.amax)
OPERATORS["ReduceMin"] = reduction(torch.amin)
OPERATORS["ReduceSumSquare"] = reduction(lambda x, axes, keep: (x * x).sum(axes, keep))
OPERATORS["ReduceL2"] = reduction(lambda x, axes, keep: (x * x).sum(axes, keep).sqrt())
OPERATORS["ReduceLogSumExp"] = reduction(torch.logsumexp)


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


def run(model: onnx.ModelProto, feeds: dict[str, torch.Tensor], dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """All values of the graph by name. `feeds` may replace initializers; floating-point constants become `dtype`."""
    def constant(tensor: onnx.TensorProto) -> torch.Tensor:
        value = torch.from_numpy(numpy_helper.to_array(tensor).copy())
        return value.to(dtype) if value.is_floating_point() else value

    def attribute(proto: onnx.AttributeProto):
        value = helper.get_attribute_value(proto)
        return constant(value) if isinstance(value, onnx.TensorProto) else value

    def evaluate(node: onnx.NodeProto, attributes: dict, inputs: list):
        if node.op_type == "Constant":
            (value,) = attributes.values()
            return value if isinstance(value, torch.Tensor) else torch.tensor(value, dtype=dtype if isinstance(np.ravel(value)[0], float) else None)
        if node.op_type == "Cast":
            target = torch.from_numpy(np.empty(0, helper.tensor_dtype_to_np_dtype(attributes["to"]))).dtype
            return inputs[0].to(dtype if target.is_floating_point else target)
        if node.op_type not in OPERATORS:
            raise NotImplementedError(f"{node.op_type} (node {node.name})")
        return OPERATORS[node.op_type](*inputs, **attributes)

    values = {tensor.name: constant(tensor) for tensor in model.graph.initializer if tensor.name not in feeds} | feeds
    for node in model.graph.node:
        attributes = {proto.name: attribute(proto) for proto in node.attribute}
        outputs = evaluate(node, attributes, [values[name] if name else None for name in node.input])
        for name, value in zip(node.output, outputs if isinstance(outputs, tuple) else (outputs,)):
            values[name] = value
    return values
