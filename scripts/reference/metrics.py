"""Writes test/fixtures/metrics.json: the metrics that scikit-learn (and SciPy) compute for predictions with known labels.

Probabilities are float32 numbers; all other numbers are float64. An undefined area (of a class that is absent, or alone) is null.
"""

import warnings

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from scipy.stats import binomtest
from sklearn import metrics
from sklearn.calibration import calibration_curve

from generator import rounded, uniform, write_json

BINS = 15


def probabilities(samples: int, classes: int, seed: int, spread: float) -> np.ndarray:
    scores = spread * uniform((samples, classes), seed, -1, 1).astype(np.float64)
    return np.exp(scores - logsumexp(scores, axis=1, keepdims=True)).astype(np.float32)


def labels(samples: int, among, seed: int) -> np.ndarray:
    return np.asarray(among)[(uniform((samples,), seed, 0, 1).astype(np.float64) * len(among)).astype(int)]


def leaning(truth: np.ndarray, given: np.ndarray, to: float) -> np.ndarray:
    """Probabilities that favour the true class."""
    mixed = given.astype(np.float64)
    mixed[np.arange(len(truth)), truth] += to * uniform((len(truth),), 99, 0, 1)
    return (mixed / mixed.sum(axis=1, keepdims=True)).astype(np.float32)


def eighths(samples: int, classes: int, seed: int) -> np.ndarray:
    """Probabilities that are multiples of 1/8, so that many are equal, and many are 0."""
    thrown = (uniform((samples, 8), seed, 0, 1).astype(np.float64) * classes).astype(int)
    return np.stack([(thrown == c).sum(axis=1) for c in range(classes)], axis=1).astype(np.float32) / 8


def cases() -> dict:
    three, two, many = labels(60, [0, 1, 2], 1), labels(40, [0, 1], 2), labels(80, list(range(12)), 3)
    some = labels(50, [0, 1, 3], 4)
    never = leaning(some, probabilities(50, 5, 13, 2), 0.3)
    never[:, 4] = 0
    return {
        "three classes": (three, leaning(three, probabilities(60, 3, 10, 2), 0.6)),
        "two classes": (two, leaning(two, probabilities(40, 2, 11, 3), 0.5)),
        "twelve classes": (many, leaning(many, probabilities(80, 12, 12, 3), 0.4)),
        "two absent, one of them never said": (some, never),
        "ties": (labels(64, [0, 1, 2, 3], 5), eighths(64, 4, 14)),
        "worse than chance": (three, probabilities(60, 3, 15, 4)),
        "one class, always right": (np.zeros(5, int), np.tile(np.float32([0.75, 0.25]), (5, 1))),
        "one class, always wrong": (np.zeros(5, int), np.tile(np.float32([0.25, 0.75]), (5, 1))),
    }


def defined(value: float):
    return None if value is None or np.isnan(value) else float(value)


def temperature(truth: np.ndarray, p: np.ndarray):
    """The minimum of the log loss over the logarithm of 1/T, which is how sklearn.calibration's _TemperatureScaling finds it."""
    if (p.argmax(axis=1) == truth).all():
        return None
    scores = np.log(np.maximum(p, 2.0**-149))
    def loss(log_beta):
        z = np.exp(log_beta) * scores
        return np.mean(logsumexp(z, axis=1) - z[np.arange(len(truth)), truth])
    found = minimize_scalar(loss, bounds=(-10, 10), method="bounded", options={"xatol": 1e-13}).x
    return float(np.exp(-found)) if abs(found) < 6.9 else None


def calibration(truth: np.ndarray, p: np.ndarray) -> dict:
    predicted = p.argmax(axis=1)
    confidence, right = p.max(axis=1), predicted == truth
    accuracy, mean_confidence = calibration_curve(right, confidence, n_bins=BINS, strategy="uniform")
    counts = np.bincount(np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], confidence), minlength=BINS)
    counts = counts[counts > 0]
    gaps = np.abs(accuracy - mean_confidence)
    return {"error": float(np.sum(counts * gaps) / counts.sum()), "worst": float(gaps.max()), "counts": counts.tolist(),
            "accuracy": accuracy.tolist(), "confidence": mean_confidence.tolist()}


def averages(truth, predicted, classes: int, how: str) -> dict:
    values = metrics.precision_recall_fscore_support(truth, predicted, labels=range(classes), average=how, zero_division=0)
    return dict(zip(("precision", "recall", "f1"), map(float, values[:3])))


def scores(truth: np.ndarray, single: np.ndarray) -> dict:
    p = single.astype(np.float64)
    classes = p.shape[1]
    predicted = p.argmax(axis=1)
    own = metrics.precision_recall_fscore_support(truth, predicted, labels=range(classes), zero_division=0)
    areas, precisions, roc, recall = [], [], [], []
    for c in range(classes):
        both = 0 < (truth == c).sum() < len(truth)
        areas.append(defined(metrics.roc_auc_score(truth == c, p[:, c])) if both else None)
        there = (truth == c).any()
        precisions.append(float(metrics.average_precision_score(truth == c, p[:, c])) if there else None)
        roc.append([values.tolist() for values in metrics.roc_curve(truth == c, p[:, c])[:2]] if both else None)
        recall.append([values[::-1].tolist() for values in metrics.precision_recall_curve(truth == c, p[:, c])[:2]] if there else None)
    mirrored = p[:, ::-1]
    return {
        "perClass": [dict(zip(("precision", "recall", "f1", "support"), map(float, row))) for row in zip(*own)],
        "confusion": metrics.confusion_matrix(truth, predicted, labels=range(classes)).tolist(),
        "accuracy": float(metrics.accuracy_score(truth, predicted)),
        "balancedAccuracy": float(metrics.balanced_accuracy_score(truth, predicted)),
        "macro": averages(truth, predicted, classes, "macro"),
        "weighted": averages(truth, predicted, classes, "weighted"),
        "matthews": float(metrics.matthews_corrcoef(truth, predicted)),
        "kappa": defined(metrics.cohen_kappa_score(truth, predicted, labels=range(classes))),
        # Among equal classes, scikit-learn ranks the last one first, and Thaw the first one; reversing the classes makes them agree.
        "topK": [float(metrics.top_k_accuracy_score(classes - 1 - truth, mirrored if classes > 2 else mirrored[:, 1], k=k, labels=range(classes)))
                 if classes > 2 else float(metrics.accuracy_score(truth, predicted)) for k in range(1, classes)],
        "rocAuc": areas, "averagePrecision": precisions, "roc": roc, "precisionRecall": recall,
        "logLoss": float(metrics.log_loss(truth, p, labels=range(classes))),
        "brier": float(metrics.brier_score_loss(truth, p, labels=list(range(classes)), scale_by_half=False)),
        "calibration": calibration(truth, p),
        "temperature": temperature(truth, p),
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    wilson = [[hits, total, *map(float, binomtest(hits, total).proportion_ci(method="wilson"))]
              for hits, total in [(8, 10), (144, 150), (0, 20), (20, 20), (1, 1), (500, 1000)]]
    values = uniform((37,), 20, -5, 5).astype(np.float64)
    path = write_json("metrics.json", {
        "wilson": wilson,
        "quantiles": {"values": rounded(values.tolist()), "shares": [0, 0.025, 0.3, 0.5, 0.975, 1],
                      "quantiles": np.quantile(np.array(rounded(values.tolist())), [0, 0.025, 0.3, 0.5, 0.975, 1]).tolist()},
        "cases": [{"name": name, "labels": truth.tolist(), "probabilities": rounded(p.astype(np.float64).tolist()),
                   "scores": rounded(scores(truth, p), 13)} for name, (truth, p) in cases().items()],
    })
    print(f"{path}: {path.stat().st_size} bytes")
