"""Writes scikit-learn's digits (UCI, 1797 scans of 8 x 8 pixels) as class folders: every third one into held-out, the others into train.

    python scripts/suggest/digits.py FOLDER          (needs scikit-learn and pillow)
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

root = Path(sys.argv[1])
images, labels = load_digits(return_X_y=True)
for n, (image, label) in enumerate(zip(images, labels, strict=True)):
    folder = root / ("held-out" if n % 3 == 0 else "train") / str(label)
    folder.mkdir(parents=True, exist_ok=True)
    # Dark ink on white paper, enlarged so that resizing does not depend on the model.
    pixels = Image.fromarray((255 - image.reshape(8, 8) * 15.9).astype(np.uint8))
    pixels.resize((64, 64), Image.Resampling.BICUBIC).save(folder / f"{n:04}.png")
