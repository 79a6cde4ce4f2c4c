"""Writes test/fixtures/augmentation.json: the results of torchvision's pixel operations on a small image, in uint8, and of its mixup and CutMix on a batch.

Images are base64 of rows from the top, three bytes per pixel. Operations and their numbers have Thaw's names.
"""

import base64

import numpy as np
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from generator import rounded, uniform, write_json

WIDTH, HEIGHT = 32, 24


def image() -> torch.Tensor:
    """Waves with noise, dark and bright parts, pure colours, greys, and the extremes of the range."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = np.stack([110 + 70 * np.sin(x / 5 + y / 9), 100 + 60 * np.cos(y / 4), 60 + 5 * x], -1)
    values = waves + uniform([HEIGHT, WIDTH, 3], 1, -20, 20)
    values[:2, :6] = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255], [255, 0, 255]]
    values[2:4, :4] = [[0, 0, 0], [255, 255, 255], [128, 128, 128], [7, 7, 7]]
    return torch.from_numpy(np.clip(values, 0, 255).astype(np.uint8)).permute(2, 0, 1)


def encoded(image: torch.Tensor) -> str:
    return base64.b64encode(image.permute(1, 2, 0).contiguous().numpy().tobytes()).decode()


def perspective(image: torch.Tensor, *corners: float) -> torch.Tensor:
    """Corners move inwards by fractions of the sides, clockwise from the top left; the outside is black."""
    w, h = WIDTH, HEIGHT
    start = [[0, 0], [w, 0], [w, h], [0, h]]
    inwards = np.array(corners).reshape(4, 2) * [w, h] * [[1, 1], [-1, 1], [-1, -1], [1, -1]]
    return F.perspective(image, start, (np.array(start) + inwards).tolist())


ORDERS = [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]

CASES = (
    [("brightness", f, lambda i, f: F.adjust_brightness(i, f)) for f in (0.0, 0.35, 0.8, 1.27, 2.5)]
    + [("contrast", f, lambda i, f: F.adjust_contrast(i, f)) for f in (0.0, 0.35, 0.8, 1.27, 2.5)]
    + [("saturation", f, lambda i, f: F.adjust_saturation(i, f)) for f in (0.0, 0.35, 1.27, 2.5)]
    + [("hue", d, lambda i, d: F.adjust_hue(i, d / 360)) for d in (-90, -20, 45, 180)]
    + [("gamma", g, lambda i, g: F.adjust_gamma(i, g)) for g in (0.4, 1.8)]
    + [("sharpness", f, lambda i, f: F.adjust_sharpness(i, f)) for f in (0.0, 0.5, 1.99, 3.0)]
    + [("posterize", b, lambda i, b: F.posterize(i, b)) for b in (1, 3, 5, 8)]
    + [("solarize", t, lambda i, t: F.solarize(i, t)) for t in (0, 76.5, 128, 255)]
    + [("channelShuffle", n, lambda i, n: F.permute_channels(i, ORDERS[n])) for n in range(5)]
    + [(name, None, lambda i, _, f=f: f(i)) for name, f in (
        ("invert", F.invert), ("autocontrast", F.autocontrast), ("equalize", F.equalize),
        ("greyscale", lambda i: F.rgb_to_grayscale(i, 3)))]
)
CORNERS = [[0.1, 0.05, 0.2, 0.12, 0.03, 0.18, 0.15, 0.02], [0.0, 0.0, 0.23, 0.0, 0.19, 0.0, 0.0, 0.0]]

N, CLASSES, SIDE = 3, 4, 6


def mixed(transform: v2.MixUp | v2.CutMix, params: dict) -> dict:
    """A batch of 3x6x6 images by given shares; numbers by the formula of generator.py, seed 7."""
    images = torch.from_numpy(uniform([N, 3, SIDE, SIDE], 7, -2, 2))
    labels = torch.tensor([2, 0, 3])
    params = params | {"labels": labels, "batch_size": N}
    rows = transform.transform(labels, params)
    images = transform.transform(images, params)
    return {"images": rounded(images.flatten().tolist(), 7), "targets": rounded(rows.flatten().tolist(), 7)}


BOX = (1, 0, 5, 3)
MIXED = [
    {"blend": {"kind": "mixup", "lambda": 0.7}, **mixed(v2.MixUp(num_classes=CLASSES), {"lam": 0.7})},
    {"blend": dict(zip(("kind", "left", "top", "right", "bottom"), ("cutmix", *BOX))),
     **mixed(v2.CutMix(num_classes=CLASSES), {"box": BOX, "lam_adjusted": 1 - 4 * 3 / SIDE**2})},
]

if __name__ == "__main__":
    image = image()
    # One channel of a single value, another of a small range.
    flat = image.clone()
    flat[0] = 77
    flat[1] = flat[1] // 4 + 40
    images = {"waves": image, "flat": flat}
    path = write_json("augmentation.json", {
        "width": WIDTH,
        "height": HEIGHT,
        "images": {name: encoded(value) for name, value in images.items()},
        "cases": [
            {"operation": name, "numbers": [] if number is None else [number], "image": of, "expected": encoded(run(value, number))}
            for name, number, run in CASES
            for of, value in images.items() if of == "waves" or number is None
        ],
        "perspective": [{"corners": corners, "expected": encoded(perspective(image, *corners))} for corners in CORNERS],
        "batch": rounded(uniform([N * 3 * SIDE * SIDE], 7, -2, 2).tolist(), 9),
        "mixed": MIXED,
    })
    print(f"{path}: {len(CASES)} cases, {path.stat().st_size} bytes")
