"""A plain fine-tuning in PyTorch: the whole network with AdamW, a cosine schedule, random crops and mirror images.

    python scripts/defaults/python/pytorch_tune.py FOLDER --tasks hymenoptera,animals --epochs 30 --lr 0.0003
"""

import copy
from pathlib import Path

import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from runs import BATCH, MEAN, SIZE, STD, Outcome, Task, measure, parser, pretrained_efficientnet_lite0

NORMALIZED = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
# As in PyTorch's transfer-learning tutorial.
TRAIN = transforms.Compose([transforms.RandomResizedCrop(SIZE), transforms.RandomHorizontalFlip(), *NORMALIZED])
HELD_OUT = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(SIZE), *NORMALIZED])


class Images(Dataset):
    def __init__(self, samples: list[tuple[Path, int]], transform) -> None:
        self.samples = samples
        self.transform = transform

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int):
        file, label = self.samples[index]
        with Image.open(file) as image:
            return self.transform(image.convert("RGB")), label


def train(task: Task, epochs: int, lr: float) -> Outcome:
    net = pretrained_efficientnet_lite0()
    net._fc = nn.Linear(net._fc.in_features, len(task.classes))
    shuffled = DataLoader(Images(task.samples["train"], TRAIN), BATCH, shuffle=True)
    val, test = (DataLoader(Images(task.samples[split], HELD_OUT), BATCH) for split in ("val", "test"))
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(shuffled))
    best, kept = (-1.0, 0.0), {}
    for _ in range(epochs):
        net.train()
        for images, labels in shuffled:
            optimizer.zero_grad()
            F.cross_entropy(net(images), labels).backward()
            optimizer.step()
            schedule.step()
        accuracy, loss = evaluate(net, val)
        if (accuracy, -loss) > best:
            best, kept = (accuracy, -loss), copy.deepcopy(net.state_dict())
    net.load_state_dict(kept)
    return Outcome(best[0], evaluate(net, test)[0], epochs)


@torch.inference_mode()
def evaluate(net: nn.Module, batches: DataLoader) -> tuple[float, float]:
    """Accuracy and loss."""
    net.eval()
    right, loss = 0, 0.0
    for images, labels in batches:
        logits = net(images)
        right += int((logits.argmax(1) == labels).sum())
        loss += float(F.cross_entropy(logits, labels, reduction="sum"))
    return right / len(batches.dataset), loss / len(batches.dataset)


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--lr", type=float, default=3e-4)
    args = options.parse_args()
    measure(args, f"pytorch-e{args.epochs}-lr{args.lr:g}", lambda task, _: train(task, args.epochs, args.lr))
