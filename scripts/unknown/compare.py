"""Compares scores for unknown samples on the features that dump.ts wrote. Prints Markdown tables.

    python scripts/unknown/compare.py OUT [PATTERN]

Each method is fitted on the training and validation samples of the known classes, and measured on held-out samples of known and of unknown
classes. Needs NumPy and SciPy.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.special import logsumexp
from scipy.stats import rankdata, t


def auroc(known, unknown):
    ranks = rankdata(np.concatenate([known, unknown]))
    n, m = len(known), len(unknown)
    return (ranks[n:].sum() - m * (m + 1) / 2) / (n * m)


def fpr95(known, unknown):
    """The share of unknown samples that pass if 95% of the known samples do."""
    return float(np.mean(unknown <= np.sort(known)[int(np.ceil(0.95 * len(known))) - 1]))


def load(path):
    header = json.loads(path.read_text())
    values = np.fromfile(path.with_suffix(".f32"), dtype="<f4")
    features, classes, at, groups = header["features"], len(header["labels"]), 0, {}
    for group in header["groups"]:
        parts = []
        for width in (features, classes):
            count = len(group["labels"]) * width
            parts.append(values[at : at + count].reshape(-1, width).astype(float))
            at += count
        groups[group["name"]] = (*parts, np.array(group["labels"]))
    return header, groups


plain = lambda f: f
length_one = lambda f: f / np.maximum(np.linalg.norm(f, axis=1, keepdims=True), 1e-12)
square_roots = lambda f: length_one(np.sign(f) * np.sqrt(np.abs(f)))


def shrunk(deviations, size):
    """The covariance of deviations in a subspace of `size` dimensions, by Ledoit and Wolf, 2004, and the variance outside of it."""
    n = len(deviations)
    S = deviations.T @ deviations / n
    mu = np.trace(S) / size
    delta = (S**2).sum() - size * mu**2
    beta = min(((((deviations**2).sum(axis=1)) ** 2).mean() - (S**2).sum()) / n, delta)
    rho = beta / delta if delta > 0 else 1.0
    return (1 - rho) * S + rho * mu * np.eye(len(S)), rho * mu


class Space:
    """The span of the training samples. Outside of it, a covariance is the same in all directions."""

    def __init__(self, features, labels, classes, form):
        self.form, x = form, form(features)
        self.size = x.shape[1]
        _, s, v = np.linalg.svd(x, full_matrices=False)
        self.basis = v[s > 1e-6 * s[0]].T
        q = x @ self.basis
        self.means = np.stack([q[labels == c].mean(axis=0) for c in range(classes)])
        self.within = shrunk(q - self.means[labels], self.size)
        self.all = shrunk(q - q.mean(axis=0), self.size)
        self.samples, self.mean = q, q.mean(axis=0)

    def distances(self, features, points, covariance):
        """Squared Mahalanobis distances to points."""
        x = self.form(features)
        q = x @ self.basis
        sigma, outside = covariance
        white = np.linalg.inv(np.linalg.cholesky(sigma)).T
        a, b = q @ white, points @ white
        rest = np.maximum((x**2).sum(axis=1) - (q**2).sum(axis=1), 0) / outside
        return (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T + rest[:, None]

    def mahalanobis(self, f, _):
        return self.distances(f, self.means, self.within).min(axis=1)

    def nearest(self, f, _):
        return self.distances(f, self.samples, self.within).min(axis=1)

    def relative(self, f, z):
        return self.mahalanobis(f, z) - self.distances(f, self.mean[None], self.all)[:, 0]


def methods(features, labels, classes):
    unit = length_one(features)
    means = length_one(np.stack([unit[labels == c].mean(axis=0) for c in range(classes)]))
    spaces = {name: Space(features, labels, classes, form) for name, form in FORMS.items()}
    neighbour = lambda k: lambda f, z: 1 - np.sort(length_one(f) @ unit.T, axis=1)[:, -min(k, len(unit))]
    return {
        "maximum softmax": lambda f, z: -np.exp(z - logsumexp(z, axis=1, keepdims=True)).max(axis=1),
        "maximum logit": lambda f, z: -z.max(axis=1),
        "energy": lambda f, z: -logsumexp(z, axis=1),
        "nearest feature, k = 1": neighbour(1),
        "nearest features, k = 5": neighbour(5),
        "cosine to class means": lambda f, z: 1 - (length_one(f) @ means.T).max(axis=1),
        "relative Mahalanobis": spaces["plain"].relative,
        "Mahalanobis": spaces["plain"].mahalanobis,
        "Mahalanobis, length 1": spaces["length 1"].mahalanobis,
        "Mahalanobis, square roots": spaces["square roots"].mahalanobis,
        "Mahalanobis to the nearest sample, square roots": spaces["square roots"].nearest,
    }


FORMS = {"plain": plain, "length 1": length_one, "square roots": square_roots}


def interval(values):
    if len(values) < 2:
        return f"{np.mean(values):.3f}"
    half = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{np.mean(values):.3f} ± {half:.3f}"


def main(folder, pattern="*"):
    results = defaultdict(lambda: defaultdict(list))
    trainings = 0
    for path in sorted(Path(folder).glob(f"{pattern}.json")):
        header, groups = load(path)
        trainings += 1
        (f, _, y), (fv, _, yv) = groups["train"], groups["val"]
        for name, score in methods(np.r_[f, fv], np.r_[y, yv], len(header["labels"])).items():
            known = score(*groups["known"][:2])
            far = [score(*groups[group][:2]) for group in groups if group.startswith("far:")]
            for kind, unknown in (("near", score(*groups["near"][:2]) if len(groups["near"][2]) else []), ("far", np.concatenate(far))):
                if len(unknown):
                    results[name][kind].append((auroc(known, unknown), fpr95(known, unknown)))
    print(f"{trainings} trainings; mean and 95% interval over them\n")
    print("| method | AUROC, other classes | AUROC, other images | FPR at 95%, other classes | FPR at 95%, other images |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, kinds in results.items():
        cells = [interval([row[i] for row in kinds[kind]]) for i in (0, 1) for kind in ("near", "far")]
        print(f"| {name} | {' | '.join(cells)} |")


main(*sys.argv[1:])
