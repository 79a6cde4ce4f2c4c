"""Trains heads on the features that features.ts wrote, many seeds at once, as `thaw train --trainable head` does: the same start, order
of batches, loss, optimizer and schedule, with other random numbers. Appends a line of JSON for each variant and seed.

    python scripts/views/heads.py FEATURES... --out heads.jsonl --epochs 3,6,10 --seeds 24

A variant says what an epoch shows. All variants of a seed start with the same head, and draw the same views in the same order.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

BATCH = 16
SMOOTHING = 0.1
WARMUP = 0.1
DECAY = 0.01
BETAS = (0.9, 0.999)


class Task:
    """The features of a task: `plain` [N, D], `views` [V, N, D], and those of the held-out images. Tasks joined by + are a class each."""

    def __init__(self, paths: str) -> None:
        self.name = "+".join(Path(path).name for path in paths.split("+"))
        parts = [Task.read(path) for path in paths.split("+")]
        if len(parts) > 1:
            for number, part in enumerate(parts):
                part["labels"], part["held_out_labels"] = (torch.full_like(part[of], number) for of in ("labels", "held_out_labels"))
        views = min(len(part["views"]) for part in parts)
        self.lr = parts[0]["lr"]
        self.labels, self.held_out_labels, self.plain, self.held_out = (
            torch.cat([part[of] for part in parts]) for of in ("labels", "held_out_labels", "plain", "held_out")
        )
        self.views = torch.cat([part["views"][:views] for part in parts], 1)
        self.classes = int(self.labels.max()) + 1

    @staticmethod
    def read(path: str) -> dict:
        meta = json.loads(Path(f"{path}.json").read_text())
        rows = torch.from_numpy(np.fromfile(f"{path}.f32", np.float32)).view(-1, meta["size"])
        count = len(meta["train"])
        first = count * (1 + meta["views"])
        return {
            "lr": meta["lr"],
            "labels": torch.tensor(meta["train"]),
            "held_out_labels": torch.tensor(meta["heldOut"]),
            "plain": rows[:count],
            "views": rows[count:first].view(meta["views"], count, -1),
            "held_out": rows[first:],
        }


class Shown:
    """The samples of all seeds: each has its own images, and its own order of the views of each image."""

    def __init__(self, task: Task, seeds: int, most: int) -> None:
        self.task, self.seeds = task, seeds
        draw = np.random.default_rng(7)
        labels = task.labels.numpy()
        own = [
            np.concatenate([draw.permutation(np.flatnonzero(labels == label))[:most] for label in range(task.classes)])
            for _ in range(seeds)
        ]
        self.images = torch.from_numpy(np.stack(own))
        count, views = len(task.labels), len(task.views)
        self.order = torch.from_numpy(np.argsort(draw.random((seeds, count, views)), axis=2))
        self.draw = draw
        # The first epoch after which the held-out images were nearly all right.
        self.near_since = np.full(seeds, np.inf)

    def view(self, images: torch.Tensor, number) -> torch.Tensor:
        """[S, B, D]: a view of each image [S, B]. `number` is one for all, or an array [S, B]."""
        seeds = torch.arange(self.seeds)[:, None]
        return self.task.views[self.order[seeds, images, number], images]

    def plain(self, images: torch.Tensor) -> torch.Tensor:
        return self.task.plain[images]

    def random(self, images: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self.draw.random(images.shape, dtype=np.float32))

    def normal(self, like: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self.draw.standard_normal(like.shape, dtype=np.float32))

    def others(self, images: torch.Tensor) -> torch.Tensor:
        """Any image of the seed for each image."""
        return self.images.gather(1, torch.from_numpy(self.draw.integers(0, self.images.shape[1], images.shape)))

    def same_class(self, images: torch.Tensor) -> torch.Tensor:
        """An image of the same class for each image."""
        labels = self.task.labels
        return torch.stack(
            [
                torch.tensor([self.draw.choice(own[labels[own] == labels[image]]) for image in row])
                for own, row in zip(self.images, images)
            ]
        )


def cycle(count):
    return lambda shown, images, epoch, epochs: shown.view(images, epoch % count)


def until_near(count, delay):
    """No new views from the epoch on that follows an error of at most 0.1 by `delay` epochs."""

    def of(shown, images, epoch, epochs):
        known = np.minimum(count, shown.near_since + delay)
        return shown.view(images, torch.from_numpy((epoch % known).astype(np.int64))[:, None].expand_as(images))

    return of


def spread(count):
    """Each view for several epochs, then the next one."""
    return lambda shown, images, epoch, epochs: shown.view(images, min(count - 1, epoch * count // epochs))


def schedule(*views):
    """New views at some epochs: at the share of the run, the number of views so far. Between them, the views so far in turn."""

    def of(shown, images, epoch, epochs):
        known = max(number for share, number in views if epoch >= share * epochs)
        return shown.view(images, epoch % known)

    return of


def with_plain(count):
    """The image itself, then `count` views."""
    return lambda shown, images, epoch, epochs: (
        shown.plain(images) if epoch % (count + 1) == 0 else shown.view(images, epoch % (count + 1) - 1)
    )


def between(count):
    """A point between two views of the image."""

    def of(shown, images, epoch, epochs):
        first, second = epoch % count, (epoch + 1 + (epoch // count) % max(1, count - 1)) % count
        share = shown.random(images)[..., None]
        return shown.view(images, first) * share + shown.view(images, second) * (1 - share)

    return of


def moved(count, most):
    """A view plus the difference between two views of another image, times up to `most`."""

    def of(shown, images, epoch, epochs):
        others = shown.others(images)
        share = shown.random(images)[..., None] * most
        return shown.view(images, epoch % count) + share * (shown.view(others, 0) - shown.view(others, 1))

    return of


def moved_from_plain(most):
    """The image itself plus the difference between a view and the image itself, of another image."""

    def of(shown, images, epoch, epochs):
        others = shown.others(images)
        share = shown.random(images)[..., None] * most
        return shown.view(images, 0) + share * (shown.view(others, 0) - shown.plain(others))

    return of


def within_class(count, least):
    """A view mixed with one of another image of the class."""

    def of(shown, images, epoch, epochs):
        share = least + (1 - least) * shown.random(images)[..., None]
        return shown.view(images, epoch % count) * share + shown.view(shown.same_class(images), epoch % count) * (1 - share)

    return of


def noise(count, scale):
    """Gaussian noise with the standard deviation of each feature between the views of an image, from two views."""

    def of(shown, images, epoch, epochs):
        values = shown.view(images, epoch % count)
        if not hasattr(shown, "deviation"):
            shown.deviation = (shown.view(shown.images, 0) - shown.view(shown.images, 1)).std(1, keepdim=True) / 2**0.5
        return values + shown.normal(values) * shown.deviation * scale

    return of


def dropped(count, share):
    """Dropout of features."""

    def of(shown, images, epoch, epochs):
        values = shown.view(images, epoch % count)
        kept = torch.from_numpy(shown.draw.random(values.shape, dtype=np.float32)) >= share
        return values * kept / (1 - share)

    return of


VARIANTS = {
    "plain": lambda shown, images, epoch, epochs: shown.plain(images),
    "1": cycle(1),
    "2": cycle(2),
    "3": cycle(3),
    "4": cycle(4),
    "6": cycle(6),
    "8": cycle(8),
    "new": lambda shown, images, epoch, epochs: shown.view(images, epoch),
    "3 until near": until_near(3, 2),
    "2 spread": spread(2),
    "3 spread": spread(3),
    "3 late": schedule((0, 2), (0.5, 3)),
    "4 late": schedule((0, 2), (0.25, 3), (0.5, 4)),
    "plain + 1": with_plain(1),
    "plain + 2": with_plain(2),
    "2 between": between(2),
    "3 between": between(3),
    "1 within class": within_class(1, 0.5),
    "2 within class": within_class(2, 0.5),
    "2 moved 0.5": moved(2, 0.5),
    "2 moved 1": moved(2, 1),
    "1 moved from plain": moved_from_plain(1),
    "1 noise": noise(1, 1),
    "2 noise": noise(2, 0.5),
    "1 dropout 0.2": dropped(1, 0.2),
    "2 dropout 0.2": dropped(2, 0.2),
    "2 dropout 0.5": dropped(2, 0.5),
}


def rate(step: int, steps: int) -> float:
    warm = round(WARMUP * steps)
    if step < warm:
        start = 1 / (warm + 1)
        return start + (1 - start) * step / warm
    return (1 + np.cos(np.pi * min((step - warm) / max(1, steps - warm), 1))) / 2


def train(task: Task, shown: Shown, variant, epochs: int):
    """Scores [E, S, held-out, classes] after each epoch."""
    (seeds, count), size = shown.images.shape, task.plain.shape[1]
    draw = np.random.default_rng(11)
    bound = size**-0.5
    weight = torch.from_numpy(draw.uniform(-bound, bound, (seeds, size, task.classes)).astype(np.float32))
    bias = torch.from_numpy(draw.uniform(-bound, bound, (seeds, 1, task.classes)).astype(np.float32))
    moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in (weight, bias)]
    steps = epochs * -(-count // BATCH)
    step, scores = 0, []
    for epoch in range(epochs):
        order = shown.images.gather(1, torch.from_numpy(np.argsort(draw.random((seeds, count)), axis=1)))
        for at in range(0, count, BATCH):
            images = order[:, at : at + BATCH]
            values = variant(shown, images, epoch, epochs)
            wanted = torch.full((*images.shape, task.classes), SMOOTHING / task.classes)
            wanted.scatter_add_(2, task.labels[images][..., None], torch.full((*images.shape, 1), 1 - SMOOTHING))
            error = (torch.softmax(torch.bmm(values, weight) + bias, 2) - wanted) / images.shape[1]
            gradients = (torch.bmm(values.transpose(1, 2), error), error.sum(1, keepdim=True))
            lr = task.lr * rate(step, steps)
            step += 1
            weight.mul_(1 - lr * DECAY)
            for parameter, gradient, (m, v) in zip((weight, bias), gradients, moments):
                m.lerp_(gradient, 1 - BETAS[0])
                v.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
                scale = (v / (1 - BETAS[1] ** step)).sqrt_().add_(1e-8)
                parameter.addcdiv_(m, scale, value=-lr / (1 - BETAS[0] ** step))
        scores.append(torch.matmul(task.held_out, weight) + bias)
        error = (scores[-1].argmax(2) != task.held_out_labels).float().mean(1).numpy()
        shown.near_since[(error <= 0.1) & np.isinf(shown.near_since)] = epoch
    return torch.stack(scores)


def halves(labels: np.ndarray, seeds: int) -> np.ndarray:
    """[S, held-out]: whether a held-out image is in the validation half, by class."""
    draw = np.random.default_rng(13)
    chosen = np.zeros((seeds, len(labels)), bool)
    for seed in range(seeds):
        for label in np.unique(labels):
            own = draw.permutation(np.flatnonzero(labels == label))
            chosen[seed, own[: len(own) // 2]] = True
    return chosen


def measure(task: Task, scores: torch.Tensor):
    """For each seed: accuracy and loss after the last epoch, and those of the test half after the best epoch of the validation half."""
    labels = task.held_out_labels
    right = (scores.argmax(3) == labels).numpy()
    losses = -torch.log_softmax(scores, 3)[..., range(len(labels)), labels].numpy()
    validation = halves(labels.numpy(), scores.shape[1])
    for seed, half in enumerate(validation):
        best = right[:, seed, half].mean(1).argmax()
        yield {
            "accuracy": right[-1, seed].mean().item(),
            "loss": losses[-1, seed].mean().item(),
            "chosen": right[best, seed, ~half].mean().item(),
            "chosenLoss": losses[best, seed, ~half].mean().item(),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("features", nargs="+", help="paths without .json")
    parser.add_argument("--out", default="heads.jsonl")
    parser.add_argument("--epochs", default="3,6,10")
    parser.add_argument("--seeds", type=int, default=24)
    parser.add_argument("--most", type=int, default=10**6, help="training images of each class, drawn by the seed")
    parser.add_argument("--variants", default=",".join(VARIANTS))
    flags = parser.parse_args()
    torch.set_num_threads(1)
    for path in flags.features:
        task = Task(path)
        for epochs in map(int, flags.epochs.split(",")):
            for name in flags.variants.split(","):
                shown = Shown(task, flags.seeds, flags.most)
                scores = train(task, shown, VARIANTS[name], epochs)
                with open(flags.out, "a") as out:
                    for seed, result in enumerate(measure(task, scores)):
                        print(json.dumps({"task": task.name, "most": flags.most, "epochs": epochs, "variant": name, "seed": seed, **result, "nearAfter": min(epochs, float(shown.near_since[seed]))}), file=out)


if __name__ == "__main__":
    main()
