"""Ways to export a PyTorch module as an ONNX model: both exporters, batch norm folded or kept, ONNX Runtime's own optimizer after it."""

import io
import tempfile
from pathlib import Path

import onnx
import onnxruntime
import torch
from onnxruntime.transformers.optimizer import optimize_model
from torch import nn

OUTPUT = "logits"


def torchscript(net: nn.Module, inputs, training=torch.onnx.TrainingMode.EVAL, opset: int = 17, folding: bool = True) -> onnx.ModelProto:
    """The tracing exporter, which folds batch norm into the convolution before it."""
    file = io.BytesIO()
    torch.onnx.export(
        net, inputs.example(), file, dynamo=False, opset_version=opset, do_constant_folding=folding, training=training,
        input_names=list(inputs.dynamic), output_names=[OUTPUT], dynamic_axes=inputs.dynamic | {OUTPUT: {0: "batch"}},
    )
    return onnx.load_model_from_string(file.getvalue())


def torchscript_kept(net: nn.Module, inputs) -> onnx.ModelProto:
    """Batch norm stays BatchNormalization, with frozen statistics."""
    return torchscript(net, inputs, torch.onnx.TrainingMode.PRESERVE)


def torchscript_raw(net: nn.Module, inputs) -> onnx.ModelProto:
    """Nothing folded: no batch norm, and no constant."""
    return torchscript(net, inputs, torch.onnx.TrainingMode.PRESERVE, folding=False)


def torchscript_old(net: nn.Module, inputs) -> onnx.ModelProto:
    """Operator set 11, as in models of some years ago."""
    return torchscript(net, inputs, opset=11)


def dynamo(net: nn.Module, inputs) -> onnx.ModelProto:
    """The exporter of torch.export and onnxscript, at its default operator set."""
    shapes = tuple({axis: torch.export.Dim(name) for axis, name in axes.items()} for axes in inputs.dynamic.values())
    program = torch.onnx.export(
        net, inputs.example(), dynamo=True, input_names=list(inputs.dynamic), output_names=[OUTPUT], dynamic_shapes=shapes,
        verbose=False,
    )
    return without_traces(program.model_proto)


EVERY = {"folded": torchscript, "raw": torchscript_raw, "dynamo": dynamo}
"""The ways of families.py, by their names in its table."""


def optimized(export, level: onnxruntime.GraphOptimizationLevel):
    """The optimized model that ONNX Runtime writes for an export."""
    def exported(net: nn.Module, inputs) -> onnx.ModelProto:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = level
        with tempfile.TemporaryDirectory() as folder:
            options.optimized_model_filepath = str(Path(folder) / "optimized.onnx")
            onnxruntime.InferenceSession(export(net, inputs).SerializeToString(), options, providers=["CPUExecutionProvider"])
            return onnx.load(options.optimized_model_filepath)
    return exported


def basic(export):
    return optimized(export, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC)


def extended(export):
    return optimized(export, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED)


def transformers_optimizer(export, model_type: str, heads: int, width: int):
    """The result of `python -m onnxruntime.transformers.optimizer` for an export: attention and its neighbours as single operators."""
    def exported(net: nn.Module, inputs) -> onnx.ModelProto:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "model.onnx")
            onnx.save(export(net, inputs), path)
            return optimize_model(path, model_type=model_type, num_heads=heads, hidden_size=width).model
    return exported


def without_traces(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the stack traces that the exporter writes for each node: they are half of a small model, and contain local paths."""
    for item in [model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        del item.metadata_props[:]
        item.doc_string = ""
    return model
