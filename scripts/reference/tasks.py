"""Prints the scores of test/tasks in scikit-learn's numbers; they are written into the tests."""

import numpy as np
from sklearn import metrics

TARGETS = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0]])
SCORES = np.array([[2, -1, -0.5], [-0.2, 0.3, -2], [1, -0.4, 0.1], [0.4, -3, -1], [-1, 0.2, -0.7], [-2, 1.5, -0.6]])
probabilities = 1 / (1 + np.exp(-SCORES))
said = probabilities >= 0.5
print("mean average precision", metrics.average_precision_score(TARGETS, probabilities, average="macro"))
print("f1 micro", metrics.f1_score(TARGETS, said, average="micro"), "macro", metrics.f1_score(TARGETS, said, average="macro", zero_division=0))
print("subset accuracy", metrics.accuracy_score(TARGETS, said))
print("loss", np.mean([metrics.log_loss(TARGETS[:, c], probabilities[:, c], labels=[0, 1]) for c in range(3)]))

TRUE = np.array([[10, 0.1], [20, 0.3], [60, 0.2]])
VALUES = np.array([[12, 0.12], [19, 0.25], [50, 0.23]])
print("mae", metrics.mean_absolute_error(TRUE, VALUES), "rmse", metrics.root_mean_squared_error(TRUE, VALUES))
print("r2", metrics.r2_score(TRUE, VALUES), metrics.r2_score(TRUE, VALUES, multioutput="raw_values"))
