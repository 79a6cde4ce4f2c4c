"""
Makes the artifacts that ONNX Runtime's own training needs:

    python ort_artifacts.py MODEL FOLDER TRAINABLE...
"""

import sys
from pathlib import Path

import onnx
import onnxruntime
from onnxruntime.training import artifacts


def write_artifacts(model_file: str, folder: str | Path, trainable: set[str]) -> int:
    """training_model.onnx, eval_model.onnx, optimizer_model.onnx and checkpoint. Returns the number of elements that train."""
    # Building the gradient graph logs every transformation; errors are enough.
    onnxruntime.set_default_logger_severity(3)
    model = onnx.load(model_file)
    sizes = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    artifacts.generate_artifacts(
        model,
        requires_grad=sorted(trainable),
        frozen_params=sorted(sizes.keys() - trainable),
        loss=artifacts.LossType.CrossEntropyLoss,
        optimizer=artifacts.OptimType.AdamW,
        artifact_directory=str(folder),
    )
    return sum(_product(sizes[name]) for name in trainable)


def _product(dims) -> int:
    result = 1
    for size in dims:
        result *= size
    return result


if __name__ == "__main__":
    write_artifacts(sys.argv[1], sys.argv[2], set(sys.argv[3:]))
