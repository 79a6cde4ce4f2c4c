"""Compares a folder that `thaw artifacts` wrote with PyTorch, for any model that onnx_torch.py can run.

    python scripts/reference/compare.py MODEL.onnx ARTIFACTS [--size 64] [--batch 3] [--classes N] [--tolerance 1e-3] [--all]

onnx.checker checks every .onnx file. Then training_model.onnx runs in ONNX Runtime on a random batch, and its loss and its
gradients are compared with PyTorch's in float64. PyTorch runs MODEL.onnx with the trainable parameters inserted if it has all
of them and the loss is cross-entropy; else (a new head, another loss) it runs eval_model.onnx, whose loss holds no gradients.
In the list, `float32` is the error of PyTorch's own float32 run: if that is large too, an activation is at a corner.
Compile without dropout and with frozen running statistics: training and evaluation are different functions otherwise.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from safetensors.numpy import load_file

import onnx_torch

LABELS = "labels"


def shapes_of(values, symbols: dict[str, int], batch: int, size: int) -> dict[str, tuple[str, list[int]]]:
    """Element type and concrete shape of each input. A symbol is the batch on the first axis, else `--size`."""
    result = {}
    for value in values:
        tensor = value.type.tensor_type
        shape = []
        for axis, dimension in enumerate(tensor.shape.dim):
            symbol = dimension.dim_param or f"{value.name}.{axis}"
            shape.append(dimension.dim_value if dimension.HasField("dim_value") else symbols.setdefault(symbol, batch if axis == 0 else size))
        result[value.name] = (onnx.TensorProto.DataType.Name(tensor.elem_type), shape)
    return result


def check(folder: Path) -> None:
    for path in sorted(folder.glob("*.onnx")):
        onnx.checker.check_model(str(path), full_check=True)
        operators = {node.op_type for node in onnx.load(path, load_external_data=False).graph.node}
        print(f"{path.name}: accepted by onnx.checker {onnx.__version__}, {len(operators)} kinds of operators")


def trainable_values(source: onnx.ModelProto, folder: Path, names: list[str]) -> dict[str, np.ndarray]:
    """From the checkpoint, or from the source if the checkpoint lacks it."""
    checkpoint = folder / "checkpoint.safetensors"
    values = load_file(checkpoint) if checkpoint.exists() else {}
    initializers = {tensor.name: tensor for tensor in source.graph.initializer}
    return {name: values[name] if name in values else numpy_helper.to_array(initializers[name]).copy() for name in names}


def torch_gradients(model: onnx.ModelProto, outputs, feeds, parameters, dtype):
    """Loss and gradients; the loss is the cross-entropy of the first output if the model has no output `loss`."""
    as_tensor = lambda value: torch.tensor(value, dtype=dtype if value.dtype.kind == "f" else None)
    tensors = {name: as_tensor(value).requires_grad_() for name, value in parameters.items()}
    values = onnx_torch.run(model, {name: as_tensor(value) for name, value in feeds.items()} | tensors, dtype)
    loss = values["loss"] if "loss" in values else torch.nn.functional.cross_entropy(values[outputs[0]], torch.tensor(feeds[LABELS]))
    loss.backward()
    unused = [name for name, tensor in tensors.items() if tensor.grad is None]
    return loss.item(), {name: np.zeros(tensor.shape) if name in unused else tensor.grad.numpy() for name, tensor in tensors.items()}


def relative(found: np.ndarray, exact: np.ndarray) -> float:
    norm = np.linalg.norm(exact)
    return float(np.linalg.norm(found - exact) / (norm or 1.0))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("artifacts", type=Path)
    parser.add_argument("--size", type=int, default=64, help="of symbolic dimensions other than the batch")
    parser.add_argument("--batch", type=int, default=3)
    parser.add_argument("--classes", type=int, help="bound of the random labels, where the output's shape does not tell")
    parser.add_argument("--tolerance", type=float, default=1e-3, help="of each gradient, relative to its norm")
    parser.add_argument("--all", action="store_true", help="list every parameter, not just the worst ten")
    options = parser.parse_args()

    check(options.artifacts)
    source = onnx.load(options.model)
    training = onnx.load(options.artifacts / "training_model.onnx")
    results = [output.name for output in training.graph.output]
    names = [name.removesuffix(".grad") for name in results if name.endswith(".grad")]
    outputs = [name for name in results if name != "loss" and not name.endswith((".grad", ".next"))]
    symbols: dict[str, int] = {}
    inputs = shapes_of(training.graph.input, symbols, options.batch, options.size)
    if any(name.endswith(".noise") for name in inputs):
        parser.error("the training model draws noise (dropout): compile it without")
    parameters = trainable_values(source, options.artifacts, names)
    data = {name: spec for name, spec in inputs.items() if name not in parameters and name != LABELS}

    rng = np.random.default_rng(0)
    feeds = {name: rng.standard_normal(shape).astype(np.float32) for name, (kind, shape) in data.items() if kind == "FLOAT"}
    for name, (kind, shape) in data.items():
        if kind == "INT64":
            feeds[name] = np.ones(shape, np.int64)
    kind, shape = inputs[LABELS]
    if kind == "INT64":
        declared = shapes_of([value for value in training.graph.output if value.name == outputs[0]], symbols, options.batch, 2)
        feeds[LABELS] = rng.integers(0, options.classes or declared[outputs[0]][1][-1], shape)
    else:
        feeds[LABELS] = rng.uniform(0, 1, shape).astype(np.float32)

    session = onnxruntime.InferenceSession(str(options.artifacts / "training_model.onnx"), providers=["CPUExecutionProvider"])
    found = dict(zip(results, session.run(results, feeds | parameters)))

    in_source = kind == "INT64" and set(names) <= {tensor.name for tensor in source.graph.initializer}
    model = source if in_source else onnx.load(options.artifacts / "eval_model.onnx")
    loss, exact = torch_gradients(model, outputs, feeds, parameters, torch.float64)
    _, single = torch_gradients(model, outputs, feeds, parameters, torch.float32)

    rows = sorted(((relative(found[f"{name}.grad"], exact[name]), relative(single[name], exact[name]), name) for name in names), reverse=True)
    print(f"reference: {'the source model, cross-entropy' if in_source else 'eval_model.onnx and its loss'}")
    print(f"loss: {float(found['loss']):.7f}, PyTorch {loss:.7f}")
    print(f"{len(rows)} gradients; relative error, float32, parameter:")
    for off, single_off, name in rows if options.all else rows[:10]:
        print(f"  {off:.1e}  {single_off:.1e}  {name}")
    good = abs(float(found["loss"]) - loss) <= 1e-4 * max(1.0, abs(loss)) and rows[0][0] <= options.tolerance
    print("equal within the tolerance" if good else f"NOT equal within {options.tolerance:g}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
