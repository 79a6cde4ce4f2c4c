"""Reference values for the detector of unknown samples, by scikit-learn and SciPy: test/fixtures/unknown.json.

    python scripts/reference/unknown.py
"""

import json
from pathlib import Path

import numpy as np
from scipy.stats import t
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score, roc_curve

HERE = Path(__file__).parent
CLASSES = 3


def mapped(features):
    return np.sign(features) * np.sqrt(np.abs(features) / np.abs(features).sum(axis=1, keepdims=True))


def case(samples, size, seed):
    """Distances of new samples to each class, by a covariance in all dimensions."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(CLASSES, size))
    labels = np.arange(samples) % CLASSES
    train = (centres[labels] + random.normal(size=(samples, size))).astype(np.float32)
    new = np.concatenate([centres + random.normal(size=(CLASSES, size)), 2 * random.normal(size=(3, size))]).astype(np.float32)
    x, y = mapped(train.astype(float)), mapped(new.astype(float))
    means = np.stack([x[labels == c].mean(axis=0) for c in range(CLASSES)])
    inverse = LedoitWolf(assume_centered=True).fit(x - means[labels]).precision_
    distances = [[float(np.sqrt((row - mean) @ inverse @ (row - mean))) for mean in means] for row in y]
    digits = lambda values: [float(f"{value:.7g}") for value in values.ravel()]
    return {"size": size, "labels": labels.tolist(), "train": digits(train), "new": digits(new), "distances": distances}


def scores():
    random = np.random.default_rng(3)
    known, unknown = random.gamma(9, size=60).round(3), random.gamma(14, size=25).round(3)
    truth, values = np.r_[np.zeros(60), np.ones(25)], np.r_[known, unknown]
    # The unknown samples are negative: 95% of the known ones, the positive class, pass.
    passed, true, _ = roc_curve(1 - truth, -values, drop_intermediate=False)
    return {
        "known": known.tolist(),
        "unknown": unknown.tolist(),
        "auroc": float(roc_auc_score(truth, values)),
        "fpr95": float(passed[np.argmax(true >= 0.95)]),
    }


fixture = {
    "cases": {"fewer features than samples": case(60, 12, 0), "more features than samples": case(24, 200, 1)},
    "scores": scores(),
    "t": [[p, df, float(t.ppf(p, df))] for p in (0.6, 0.9, 0.95, 0.99) for df in (1, 2, 3, 7, 19)],
}
(HERE / "../../test/fixtures/unknown.json").write_text(json.dumps(fixture) + "\n")
