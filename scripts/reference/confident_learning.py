"""Writes test/fixtures/confident-learning.json: cleanlab's label issues, scores and rankings for random probabilities.

Needs cleanlab 2.9 and scikit-learn: `pip install cleanlab`. cleanlab breaks ties between equal remainders by NumPy's `argsort`, whose order of
equal values depends on the processor (AVX-512 or not). Here it is stable, so that the results are the same everywhere.
"""

import warnings

import cleanlab
import cleanlab.filter
import cleanlab.internal.util
import numpy as np
from cleanlab.count import compute_confident_joint
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression

from generator import write_json



class StableNumPy:
    """NumPy with a stable `argsort`."""

    def __getattr__(self, name):
        return getattr(np, name)

    def argsort(self, values):
        return np.argsort(values, kind="stable")


cleanlab.internal.util.np = cleanlab.filter.np = StableNumPy()
warnings.filterwarnings("ignore", message="May not flag all label issues")


def random_case(seed, samples, classes, sharpness, noise, present=None):
    """Random probabilities around true classes; some labels are wrong. `present`: only the first classes have samples."""
    random = np.random.default_rng(seed)
    present = present or classes
    truth = random.integers(0, present, samples)
    scores = random.normal(size=(samples, classes)) + sharpness * np.eye(classes)[truth]
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    wrong = random.random(samples) < noise
    labels = np.where(wrong, random.integers(0, present, samples), truth)
    labels[:present] = np.arange(present)
    # Seven digits, so that the file is small and both sides read the same numbers.
    return labels, np.round(probabilities, 7)


def case(labels, probabilities):
    scores = {name: get_label_quality_scores(labels, probabilities, method=name) for name in ["self_confidence", "normalized_margin"]}
    issues = find_label_issues(labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    return {
        "labels": labels.tolist(),
        "classes": probabilities.shape[1],
        "probabilities": probabilities.flatten().tolist(),
        "joint": compute_confident_joint(labels, probabilities).tolist(),
        "issues": issues.tolist(),
        "selfConfidence": scores["self_confidence"].tolist(),
        "normalizedMargin": np.round(scores["normalized_margin"], 12).tolist(),
        "ranking": np.argsort(scores["self_confidence"], kind="stable").tolist(),
    }


CASES = [
    (1, 60, 2, 2, 0.1),
    (2, 60, 2, 0.5, 0.3),
    (3, 120, 3, 1.5, 0.2),
    (4, 200, 5, 3, 0.05),
    (5, 40, 8, 1, 0.4),
    (6, 30, 4, 2, 0.2, 3),
    (7, 300, 12, 2.5, 0.1),
    (8, 12, 2, 1, 0.5),
    # Equal remainders, between which the last bit decides.
    *((seed, 60, 4, 0.3, 0.3) for seed in range(20, 26)),
]


def logistic():
    """scikit-learn's probabilities of a regression on standardised features, with its default penalty."""
    features, labels = make_blobs(60, 6, centers=3, cluster_std=5, random_state=1)
    features = np.round((features - features.mean(0)) / features.std(0), 6)
    model = LogisticRegression(C=0.5, tol=1e-10, max_iter=10000).fit(features, labels)
    return {
        "features": features.flatten().tolist(),
        "size": 6,
        "labels": labels.tolist(),
        "classes": 3,
        "penalty": 2,
        "probabilities": np.round(model.predict_proba(features), 9).flatten().tolist(),
    }


if __name__ == "__main__":
    write_json("confident-learning.json", {"cleanlab": cleanlab.__version__, "cases": [case(*random_case(*c)) for c in CASES], "logistic": logistic()})
