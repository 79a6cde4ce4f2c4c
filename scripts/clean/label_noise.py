"""Compares cleanlab on the features and labels that label-noise.ts wrote: python scripts/clean/label_noise.py FOLDER/*

Prints the share of swapped labels in the first 5% of three rankings: Thaw's, cleanlab's for the probabilities of scikit-learn's logistic
regression (defaults, standardised features, the same number of folds), and whether cleanlab's for Thaw's probabilities equals Thaw's.
Needs cleanlab and scikit-learn.
"""

import json
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "reference"))
import confident_learning  # noqa: F401  cleanlab with a stable sort
import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")


def interval(values):
    """The mean and its 95% interval by bootstrap."""
    random = np.random.default_rng(0)
    means = np.mean(random.choice(values, (10000, len(values))), axis=1)
    return f"{100 * np.mean(values):.1f}% ({100 * np.quantile(means, 0.025):.1f} to {100 * np.quantile(means, 0.975):.1f})"


for folder in map(Path, sys.argv[1:]):
    thaw = json.loads((folder / "thaw.json").read_text())
    features = np.fromfile(folder / "features.bin", np.float32).reshape(-1, thaw["size"]).astype(np.float64)
    ours, theirs, equal = [], [], True
    for one in thaw["seeds"]:
        labels, swapped = np.array(one["labels"]), set(one["swapped"])
        given = np.fromfile(folder / f"probabilities-{one['seed']}.bin").reshape(len(labels), thaw["classes"])
        scores = get_label_quality_scores(labels, given)
        issues = find_label_issues(labels, given, return_indices_ranked_by="self_confidence", n_jobs=1)
        equal &= issues.tolist() == one["issues"] and np.argsort(scores, kind="stable")[: len(swapped)].tolist() == one["ranking"]
        ours.append(one["found"])
        folds = StratifiedKFold(5, shuffle=True, random_state=one["seed"])
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        fresh = cross_val_predict(model, features, labels, cv=folds, method="predict_proba")
        first = np.argsort(get_label_quality_scores(labels, fresh))[: len(swapped)]
        theirs.append(len(swapped & set(first.tolist())) / len(swapped))
    print(f"{thaw['name']}: Thaw {interval(ours)}, cleanlab {interval(theirs)}, {'equal' if equal else 'NOT EQUAL'} on the same probabilities", flush=True)
