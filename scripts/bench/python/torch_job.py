"""PyTorch as a contender: a complete training on images with the same recipe as Thaw's defaults, and two loader workers."""

import copy
import math
import os
import random
import tempfile
import time

import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2 as transforms
from torchvision.transforms.v2 import functional as images

from networks import build, set_trainable
from protocol import serve, threads

LOADER_WORKERS = 2

torch.set_num_threads(threads())


class Samples(Dataset):
    def __init__(self, samples: list[dict], transform) -> None:
        self.samples = samples
        self.transform = transform

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int):
        sample = self.samples[index]
        with Image.open(sample["file"]) as image:
            return self.transform(image.convert("RGB")), sample["label"]


class Colour:
    """Brightness, contrast and saturation, each with its own probability and range."""

    CHANGES = {
        "brightness": images.adjust_brightness,
        "contrast": images.adjust_contrast,
        "saturation": images.adjust_saturation,
    }

    def __init__(self, augmentation: dict) -> None:
        self.changes = [(change, augmentation[name]) for name, change in self.CHANGES.items() if name in augmentation]

    def __call__(self, image):
        for change, given in self.changes:
            if random.random() < given["probability"]:
                image = change(image, random.uniform(*given["factor"]))
        return image


def training_transform(recipe: dict):
    augmentation, p = recipe["augmentation"], recipe["preprocessing"]
    strange = augmentation.keys() - {"resizedCrop", "horizontalFlip", *Colour.CHANGES}
    if strange or augmentation["resizedCrop"]["probability"] != 1:
        raise ValueError(f"this side knows no {', '.join(sorted(strange)) or 'crop now and then'}")
    crop = augmentation["resizedCrop"]
    return transforms.Compose(
        [
            transforms.RandomResizedCrop((p["height"], p["width"]), scale=crop["scale"], ratio=crop["ratio"]),
            transforms.RandomHorizontalFlip(augmentation["horizontalFlip"]["probability"]),
            Colour(augmentation),
            *to_tensor(p),
        ]
    )


def validation_transform(recipe: dict):
    p = recipe["preprocessing"]
    if p["fit"] != "crop":
        raise ValueError(f"this side knows no fit {p['fit']}")
    resized = round(min(p["width"], p["height"]) / p["cropFraction"])
    return transforms.Compose(
        [transforms.Resize(resized), transforms.CenterCrop((p["height"], p["width"])), *to_tensor(p)]
    )


def to_tensor(p: dict) -> list:
    to_unit = transforms.ToDtype(torch.float32, scale=True)
    unit = 255 * p["scale"]
    normalize = transforms.Normalize([m / unit for m in p["mean"]], [d / unit for d in p["std"]])
    return [transforms.PILToTensor(), to_unit, normalize]


class Training:
    def __init__(self, recipe: dict) -> None:
        self.recipe = recipe
        state = torch.load(os.path.join(recipe["model"], "weights.pt"), weights_only=True)
        net = build(recipe["network"], len(state[recipe["head"][0]]))
        net.load_state_dict(state)
        # Seeds only now: building the model sets a seed too, so the new head, which matters most, would be the same for all seeds.
        torch.manual_seed(recipe["seed"])
        random.seed(recipe["seed"])
        path = recipe["head"][0].rpartition(".")[0]
        net.set_submodule(path, nn.Linear(net.get_submodule(path).in_features, recipe["classes"]))
        self.net = net.to(memory_format=torch.channels_last)
        options = {"batch_size": recipe["batch"], "num_workers": LOADER_WORKERS, "persistent_workers": True}
        self.train = DataLoader(Samples(recipe["train"], training_transform(recipe)), shuffle=True, **options)
        self.val = DataLoader(Samples(recipe["val"], validation_transform(recipe)), **options)
        self.optimizer = torch.optim.AdamW([{"params": [], "rate": 1.0}], weight_decay=0.01)
        self.epochs: list[dict] = []
        self.best = (-1.0, {})

    def run(self) -> None:
        for number, stage in enumerate(self.recipe["stages"], 1):
            self.thaw(stage["trainable"])
            for epoch in range(stage["epochs"]):
                began = time.perf_counter()
                self.train_epoch(stage, epoch)
                trained = time.perf_counter()
                accuracy = self.validate()
                ended = time.perf_counter()
                self.epochs.append(
                    {"stage": number, "train": trained - began, "val": ended - trained, "accuracy": accuracy}
                )
                if accuracy > self.best[0]:
                    self.best = (accuracy, copy.deepcopy(self.net.state_dict()))

    def thaw(self, names: list[str]) -> None:
        """Adds the new parameters to the optimizer, and keeps the state of the others."""
        set_trainable(self.net, names)
        known = {id(p) for group in self.optimizer.param_groups for p in group["params"]}
        for name, parameter in self.net.named_parameters():
            if not parameter.requires_grad or id(parameter) in known:
                continue
            rate = 1.0 if name in self.recipe["head"] else self.recipe["pretrainedRate"]
            decay = 0.01 if parameter.ndim > 1 else 0.0
            self.optimizer.add_param_group({"params": [parameter], "rate": rate, "weight_decay": decay})

    def train_epoch(self, stage: dict, epoch: int) -> None:
        steps = len(self.train)
        for step, (images, labels) in enumerate(self.train):
            factor = schedule(epoch * steps + step, stage["epochs"] * steps, self.recipe["warmup"])
            for group in self.optimizer.param_groups:
                group["lr"] = stage["lr"] * group["rate"] * factor
            self.optimizer.zero_grad(set_to_none=True)
            scores = self.net(images.contiguous(memory_format=torch.channels_last))
            F.cross_entropy(scores, labels, label_smoothing=self.recipe["labelSmoothing"]).backward()
            self.optimizer.step()

    @torch.inference_mode()
    def validate(self) -> float:
        right = total = 0
        for images, labels in self.val:
            scores = self.net(images.contiguous(memory_format=torch.channels_last))
            right += int((scores.argmax(1) == labels).sum())
            total += len(labels)
        return right / total


def schedule(step: int, total: int, warmup: float) -> float:
    """A linear rise, then a cosine from 1 to 0."""
    warm = round(warmup * total)
    if step < warm:
        return (step + 1) / (warm + 1)
    return (1 + math.cos(math.pi * (step - warm) / max(1, total - warm))) / 2


def run(recipe: dict) -> dict:
    began = time.perf_counter()
    training = Training(recipe)
    training.run()
    accuracy, state = training.best
    with tempfile.TemporaryDirectory() as folder:
        torch.save(state, os.path.join(folder, "model.pt"))
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "accuracy": accuracy, "epochs": training.epochs, "version": torch.__version__}


if __name__ == "__main__":
    serve({"run": run})
