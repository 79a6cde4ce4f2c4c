"""Images per second while PyTorch trains a new head on frozen layers: two loader workers, random crops, channels_last.

python loader_rate.py TABLE SECONDS: a CSV file with file_name, label and split. Prints one number.
"""

import csv
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from networks import build
from torch_job import LOADER_WORKERS, Samples, training_transform

BATCH = 16
WARM_UP = 40

RECIPE = {
    "preprocessing": {
        **{"width": 224, "height": 224, "scale": 1 / 255},
        **{"mean": [0.498] * 3, "std": [0.502] * 3},
    },
    "augmentation": {
        "resizedCrop": {"probability": 1, "scale": [0.35, 1], "ratio": [3 / 4, 4 / 3]},
        "horizontalFlip": {"probability": 0.5},
    },
}


def main(table: str, seconds: float) -> None:
    with open(table, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    classes = {label: i for i, label in enumerate(sorted({row["label"] for row in rows}))}
    samples = [{"file": row["file_name"], "label": classes[row["label"]]} for row in rows]
    net = build("efficientnet_lite0", 1000).to(memory_format=torch.channels_last)
    path = next(name for name, module in reversed(list(net.named_modules())) if isinstance(module, nn.Linear))
    head = nn.Linear(net.get_submodule(path).in_features, len(classes))
    net.set_submodule(path, head)
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    head.requires_grad_(True)
    net.eval()
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3)
    loader = DataLoader(
        Samples(samples, training_transform(RECIPE)), batch_size=BATCH, shuffle=True, num_workers=LOADER_WORKERS
    )
    began, counted = 0.0, 0
    for step, (images, labels) in enumerate(loader):
        if step == WARM_UP:
            began = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(net(images.contiguous(memory_format=torch.channels_last)), labels).backward()
        optimizer.step()
        counted += len(labels) if step >= WARM_UP else 0
        if began and time.perf_counter() - began > seconds:
            break
    print(round(counted / (time.perf_counter() - began), 1))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
