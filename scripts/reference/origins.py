"""The origin of each float initializer of an export: a parameter of the module, a buffer, several of them, or a constant."""

from dataclasses import dataclass

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn


@dataclass(frozen=True)
class Origin:
    """`place`: the layout of the named parameter or buffer in the initializer.

    kind: `parameter`, `buffer`, `derived` (the exporter computed it from parameters) or `constant`.
    """

    kind: str
    of: str | None = None
    place: str | None = None


def hoisted(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with the tensors of Constant nodes as initializers."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    nodes = []
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            tensor = onnx.TensorProto()
            tensor.CopyFrom(node.attribute[0].t)
            tensor.name = node.output[0]
            result.graph.initializer.append(tensor)
        else:
            nodes.append(node)
    del result.graph.node[:]
    result.graph.node.extend(nodes)
    return result


def float_initializers(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {t.name: numpy_helper.to_array(t) for t in hoisted(model).graph.initializer if t.data_type == onnx.TensorProto.FLOAT}


def origins_of(model: onnx.ModelProto, net: nn.Module, again) -> dict[str, Origin]:
    """By initializer.

    again: exports the module with other parameters, to find out which initializers change with them
    """
    initializers = float_initializers(model)
    places = contents_of(net.named_buffers(), "buffer") | contents_of(net.named_parameters(), "parameter")
    result = {name: places[key] for name, value in initializers.items() if (key := content(value)) in places}
    rest = [name for name in initializers if name not in result and initializers[name].size > 0]
    if not rest:
        return result
    changed = float_initializers(again())
    if len(changed) != len(initializers):
        raise RuntimeError("the exporter writes other initializers when the parameters have other values")
    after = dict(zip(initializers, changed.values()))
    for name in rest:
        result[name] = Origin("constant" if np.array_equal(initializers[name], after[name]) else "derived")
    return result


def content(value: np.ndarray) -> tuple[int, bytes]:
    return value.size, np.ascontiguousarray(value).tobytes()


def contents_of(named, kind: str) -> dict[tuple[int, bytes], Origin]:
    found = {}
    for name, tensor in named:
        value = tensor.detach().numpy()
        if value.dtype != np.float32:
            continue
        if value.ndim == 2:
            found[content(value.T)] = Origin(kind, name, "transposed")
        found[content(value)] = Origin(kind, name, "same")
    return found


def shaken(net: nn.Module) -> None:
    """Other values for all parameters, so different that no normalization makes them equal again."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.05 * torch.rand(parameter.shape, generator=generator) + 0.01)
