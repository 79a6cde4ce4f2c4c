"""LogME of the features that candidates.ts writes: FOLDER/features/TASK.json.

LogME is the logarithm of the evidence for labels, given the features of a frozen network, by a Bayesian linear model.
Higher means that the features fit the labels better (You et al., "LogME: Practical Assessment of Pre-trained Models for
Transfer Learning", 2021).
"""

import json
import sys
from pathlib import Path

import numpy as np


def evidence(squares: np.ndarray, projected: np.ndarray, norm: float, n: int, d: int) -> float:
    """log p(y|F)/n at the alpha and beta that maximize it. squares: sigma_i^2 of F; projected: (u_i^T y)^2; norm: |y|^2."""
    alpha = beta = 1.0
    for _ in range(50):
        t = alpha / beta
        gamma = (squares / (squares + t)).sum()
        weights = (squares * projected / (squares + t) ** 2).sum()
        residual = (projected / (1 + squares / t) ** 2).sum() + max(0.0, norm - projected.sum())
        alpha, beta = gamma / (weights + 1e-9), (n - gamma) / (residual + 1e-9)
        if abs(alpha / beta / t - 1) < 1e-4:
            break
    determinant = np.log(alpha + beta * squares).sum() + (d - len(squares)) * np.log(alpha)
    fit = d * np.log(alpha) + n * np.log(beta) - determinant - beta * residual - alpha * weights
    return float((fit - n * np.log(2 * np.pi)) / (2 * n))


def logme(features: np.ndarray, labels: np.ndarray) -> float:
    """Mean evidence of a sample, over all classes one against the others. features: [n, d]; labels: [n]."""
    n, d = features.shape
    left, sigma, _ = np.linalg.svd(features, full_matrices=False)
    evidences = []
    for label in np.unique(labels):
        y = (labels == label).astype(np.float64)
        evidences.append(evidence(sigma**2, (left.T @ y) ** 2, float(y.sum()), n, d))
    return float(np.mean(evidences))


if __name__ == "__main__":
    for file in sorted(Path(sys.argv[1], "features").glob("*.json")):
        kept = json.loads(file.read_text())
        score = logme(np.array(kept["features"], np.float64), np.array(kept["labels"]))
        print(json.dumps({"task": file.stem, "logme": round(score, 4)}))
