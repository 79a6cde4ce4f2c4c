"""The batches that `export.py` wrote."""

import numpy as np


def read_batches(request: dict) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of images `[batch, 3, size, size]` and labels `[batch]`."""
    size, batch = request["size"], request["batch"]
    images = np.fromfile(f"{request['data']}/images.f32", dtype="<f4").reshape(-1, batch, 3, size, size)
    labels = np.fromfile(f"{request['data']}/labels.i64", dtype="<i8").reshape(-1, batch)
    return list(zip(images, labels))
