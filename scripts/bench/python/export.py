"""
Writes the networks of the benchmark into a folder, and data for all of them:

    python export.py FOLDER CLASSES BATCH [NAME...]

NAME.pt            the weights, for contenders that use PyTorch
NAME-folded.onnx   like an export for inference: batch norm folded into the convolution before it
NAME-kept.onnx     with batch norm as its own operator
images.f32, labels.i64   BATCHES batches, raw and little-endian

    python export.py --training NAME FOLDER

weights.pt, kept.onnx, onnx/model.onnx (folded), preprocessor_config.json   the start of a complete training; EfficientNet-Lite0
                                                                            has its ImageNet weights, others have random ones

The same seed gives the same files. Networks with missing packages are skipped; the last line of the output lists them in JSON.
"""

import json
import os
import sys
import warnings
from pathlib import Path

import torch

from networks import SIZE, build, fold_batch_norm, pretrained_efficientnet_lite0

BATCHES = 4

# The only network with pretrained weights from a package, and the number of classes of a network with random weights.
PRETRAINED = "efficientnet_lite0"
CLASSES = 1000


def export(name: str, folder: Path, classes: int) -> None:
    net = build(name, classes)
    torch.save(net.state_dict(), folder / f"{name}.pt")
    write(net, folder / f"{name}-kept.onnx", torch.onnx.TrainingMode.PRESERVE)
    write(fold_batch_norm(net), folder / f"{name}-folded.onnx", torch.onnx.TrainingMode.EVAL)


def write(net: torch.nn.Module, path: Path, mode: torch.onnx.TrainingMode) -> None:
    part = path.with_suffix(".part")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            (torch.randn(2, 3, SIZE, SIZE),),
            str(part),
            input_names=["images"],
            output_names=["logits"],
            dynamic_axes={"images": {0: "batch"}, "logits": {0: "batch"}},
            opset_version=17,
            training=mode,
            do_constant_folding=mode == torch.onnx.TrainingMode.EVAL,
            dynamo=False,
        )
    os.replace(part, path)


def write_data(folder: Path, classes: int, batch: int) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(BATCHES, batch, 3, SIZE, SIZE, generator=generator)
    labels = torch.randint(classes, (BATCHES, batch), generator=generator)
    images.numpy().astype("<f4").tofile(folder / "images.f32")
    labels.numpy().astype("<i8").tofile(folder / "labels.i64")


def export_for_training(name: str, folder: Path) -> None:
    net = pretrained_efficientnet_lite0() if name == PRETRAINED else build(name, CLASSES)
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    torch.save(net.state_dict(), folder / "weights.pt")
    write(net, folder / "kept.onnx", torch.onnx.TrainingMode.PRESERVE)
    write(fold_batch_norm(net), folder / "onnx/model.onnx", torch.onnx.TrainingMode.EVAL)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSING, indent=2))


PREPROCESSING = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "size": {"shortest_edge": 256},
    "resample": 2,
    "do_center_crop": True,
    "crop_size": {"height": SIZE, "width": SIZE},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [127 / 255] * 3,
    "image_std": [128 / 255] * 3,
}


def main() -> None:
    if sys.argv[1] == "--training":
        export_for_training(sys.argv[2], Path(sys.argv[3]))
        return
    folder, classes, batch, *names = sys.argv[1:]
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    write_data(path, int(classes), int(batch))
    missing = {}
    for name in names:
        try:
            if not (path / f"{name}-folded.onnx").exists():
                export(name, path, int(classes))
        except ModuleNotFoundError as error:
            missing[name] = error.name
    print(json.dumps({"missing": missing}))


main()
