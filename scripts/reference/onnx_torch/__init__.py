"""Runs an ONNX graph in PyTorch, differentiably and in any precision: an oracle for models that have no PyTorch source.

The definitions follow the ONNX specification and share nothing with Thaw. Integer tensors (shapes, indices) are torch tensors too.
"""

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

from onnx_torch import elementwise, layers, microsoft, resize, shapes  # noqa: F401 (they fill the registry)
from onnx_torch.registry import OPERATORS


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
        name = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
        if name not in OPERATORS:
            raise NotImplementedError(f"{name} (node {node.name})")
        return OPERATORS[name](*inputs, **attributes)

    values = {tensor.name: constant(tensor) for tensor in model.graph.initializer if tensor.name not in feeds} | feeds
    for node in model.graph.node:
        attributes = {proto.name: attribute(proto) for proto in node.attribute}
        outputs = evaluate(node, attributes, [values[name] if name else None for name in node.input])
        for name, value in zip(node.output, outputs if isinstance(outputs, tuple) else (outputs,)):
            values[name] = value
    return values
