"""Writes test/fixtures/losses.json: value and input gradient of each loss, in float64, from PyTorch, torchvision and PyTorch Metric Learning.

`targets` is what the loss is compared with: class indices, or numbers shaped like the input. Every loss is the mean over
the batch as PyTorch's `reduction="mean"` defines it, `batchmean` for the divergence.
"""

import torch
from pytorch_metric_learning import distances, losses, miners, reducers
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from generator import rounded, uniform, write_json

N, C = 5, 4
LOGITS = torch.from_numpy(uniform([N, C], 1, -3, 3))
EXTREME = LOGITS * torch.tensor([1.0, 30.0, -30.0, 1.0, 60.0])[:, None]  # overflows where softmax or log is naive
TEACHER = torch.from_numpy(uniform([N, C], 2, -3, 3))
NUMBERS = torch.from_numpy(uniform([N, C], 3, -2, 2))
UNIT = torch.from_numpy(uniform([N, C], 4, 0, 1))
BINARY = torch.tensor([[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 1, 1], [1, 1, 0, 1], [0, 0, 0, 1]], dtype=torch.float32)
CLASSES = torch.tensor([2, 0, 3, 1, 1])
WITH_IGNORED = torch.tensor([2, -100, 3, -100, 1])
CLASS_WEIGHTS = [0.5, 2.0, 1.0, 0.25]
PIXELS = torch.from_numpy(uniform([2, 3, 2, 2], 5, -2, 2))  # one class for each of 2x2 places
PIXEL_CLASSES = torch.tensor([[[0, 2], [1, 1]], [[2, 2], [0, 1]]])


def cross_entropy(weight=None, **options):
    def loss(x, y):
        return F.cross_entropy(x, y, weight=None if weight is None else torch.tensor(weight, dtype=x.dtype), **options)
    return loss


def softmax_focal(gamma: float, alpha=None):
    """Lin and others, "Focal Loss for Dense Object Detection", 2017, over a softmax: mean of -alpha[y] (1 - p[y])^gamma ln p[y]."""
    def loss(x, y):
        log_p = F.log_softmax(x, 1).gather(1, y[:, None])[:, 0]
        weight = 1.0 if alpha is None else torch.tensor(alpha, dtype=x.dtype)[y]
        return (-weight * (1 - log_p.exp()) ** gamma * log_p).mean()
    return loss


def distillation(temperature: float):
    """Hinton and others, "Distilling the Knowledge in a Neural Network", 2015: T^2 KL(teacher || student), both softened by T."""
    def loss(x, teacher):
        student, target = F.log_softmax(x / temperature, 1), F.softmax(teacher / temperature, 1)
        return F.kl_div(student, target, reduction="batchmean") * temperature**2
    return loss


def divergence(x, probabilities):
    return F.kl_div(F.log_softmax(x, 1), probabilities, reduction="batchmean")


def bce(pos_weight=None):
    def loss(x, y):
        weight = None if pos_weight is None else torch.tensor(pos_weight, dtype=x.dtype)
        return F.binary_cross_entropy_with_logits(x, y, pos_weight=weight)
    return loss


def sigmoid_focal(alpha: float, gamma: float):
    return lambda x, y: sigmoid_focal_loss(x, y, alpha=alpha, gamma=gamma, reduction="mean")


# Unit vectors, some classes of one sample, one of several: anchors without positives are in every loss.
EMBEDDINGS = F.normalize(torch.from_numpy(uniform([8, 5], 6, -1, 1)).double()).float()
GROUPS = torch.tensor([0, 1, 0, 2, 1, 0, 3, 1])
ALONE = torch.tensor([0, 1, 2, 3, 4, 5, 6, 7])  # no two of one class
ALIKE = torch.zeros(8, dtype=torch.int64)  # no two of different ones
DOT = dict(distance=distances.DotProductSimilarity(normalize_embeddings=False))


def triplet(margin: float, mining: str):
    """Hermans and others, 2017: batch hard as the mean over anchors, batch all over the triplets that are not yet apart."""
    euclid = distances.LpDistance(normalize_embeddings=False)
    reducer = reducers.MeanReducer() if mining == "hard" else reducers.AvgNonZeroReducer()
    loss = losses.TripletMarginLoss(margin=margin, distance=euclid, reducer=reducer)
    miner = miners.BatchHardMiner(distance=euclid)
    return lambda x, y: loss(x, y, miner(x, y)) if mining == "hard" else loss(x, y)


# Elements at the corner of l1 and huber: equal to the target, and exactly delta away.
CORNERS = NUMBERS.clone()
CORNERS[0, 0] = LOGITS[0, 0]
CORNERS[0, 1] = LOGITS[0, 1] + 0.5

CASES = [
    ("cross-entropy", {}, LOGITS, CLASSES, cross_entropy()),
    ("cross-entropy", {}, EXTREME, CLASSES, cross_entropy()),
    ("cross-entropy", {}, PIXELS, PIXEL_CLASSES, cross_entropy()),
    ("cross-entropy", {"label_smoothing": 0.1}, LOGITS, CLASSES, cross_entropy(label_smoothing=0.1)),
    ("cross-entropy", {"label_smoothing": 0.1}, EXTREME, CLASSES, cross_entropy(label_smoothing=0.1)),
    ("cross-entropy", {"weight": CLASS_WEIGHTS}, LOGITS, CLASSES, cross_entropy(CLASS_WEIGHTS)),
    ("cross-entropy", {"ignore_index": -100}, LOGITS, WITH_IGNORED, cross_entropy()),
    ("cross-entropy", {"ignore_index": 1}, LOGITS, CLASSES, cross_entropy(ignore_index=1)),
    ("cross-entropy", {"weight": CLASS_WEIGHTS, "label_smoothing": 0.2, "ignore_index": -100}, LOGITS, WITH_IGNORED,
     cross_entropy(CLASS_WEIGHTS, label_smoothing=0.2)),
    ("cross-entropy", {"targets": "probabilities"}, LOGITS, F.softmax(TEACHER, 1), cross_entropy()),
    ("cross-entropy", {"targets": "probabilities", "weight": CLASS_WEIGHTS, "label_smoothing": 0.2}, EXTREME, F.softmax(TEACHER, 1),
     cross_entropy(CLASS_WEIGHTS, label_smoothing=0.2)),
    ("bce-with-logits", {}, LOGITS, BINARY, bce()),
    ("bce-with-logits", {}, EXTREME, BINARY, bce()),
    ("bce-with-logits", {}, LOGITS, UNIT, bce()),
    ("bce-with-logits", {"pos_weight": [2.0, 0.5, 1.0, 3.0]}, LOGITS, BINARY, bce([2.0, 0.5, 1.0, 3.0])),
    ("mse", {}, LOGITS, NUMBERS, F.mse_loss),
    ("l1", {}, LOGITS, CORNERS, F.l1_loss),
    ("huber", {"delta": 1.0}, LOGITS, NUMBERS, lambda x, y: F.huber_loss(x, y, delta=1.0)),
    ("huber", {"delta": 0.5}, LOGITS, CORNERS, lambda x, y: F.huber_loss(x, y, delta=0.5)),
    ("focal", {"kind": "softmax", "gamma": 2.0}, LOGITS, CLASSES, softmax_focal(2.0)),
    ("focal", {"kind": "softmax", "gamma": 1.5, "alpha": CLASS_WEIGHTS}, LOGITS, CLASSES, softmax_focal(1.5, CLASS_WEIGHTS)),
    ("focal", {"kind": "sigmoid", "alpha": 0.25, "gamma": 2.0}, LOGITS, BINARY, sigmoid_focal(0.25, 2.0)),
    ("focal", {"kind": "sigmoid", "alpha": -1, "gamma": 3.0}, LOGITS, BINARY, sigmoid_focal(-1, 3.0)),
    ("kl", {"temperature": 1.0}, LOGITS, TEACHER, distillation(1.0)),
    ("kl", {"temperature": 4.0}, LOGITS, TEACHER, distillation(4.0)),
    *[("supervised-contrastive", {"temperature": t}, EMBEDDINGS, y, losses.SupConLoss(temperature=t, **DOT))
      for t, y in [(0.1, GROUPS), (0.5, GROUPS), (0.1, ALONE)]],
    *[("info-nce", {"temperature": t}, EMBEDDINGS, y, losses.NTXentLoss(temperature=t, **DOT))
      for t, y in [(0.1, GROUPS), (0.5, GROUPS), (0.1, ALONE)]],
    *[("triplet", {"margin": m, "mining": mining}, EMBEDDINGS, y, triplet(m, mining))
      for m, mining, y in [(0.2, "hard", GROUPS), (1.5, "hard", GROUPS), (0.2, "all", GROUPS), (1.5, "all", GROUPS), (0.2, "all", ALIKE)]],
    ("kl", {"targets": "probabilities"}, LOGITS, F.softmax(TEACHER, 1), divergence),
]


def case(name, options, inputs, targets, loss) -> dict:
    x = inputs.double().requires_grad_()
    value = loss(x, targets.double() if targets.is_floating_point() else targets)
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(x.grad).all(), name
    flat = lambda tensor, digits: rounded(tensor.detach().flatten().tolist(), digits)
    return {
        "loss": name, "options": options, "shape": list(inputs.shape), "inputs": flat(inputs, 9),
        "targetShape": list(targets.shape), "targets": flat(targets, 9), "value": rounded(value.item(), 14), "gradient": flat(x.grad, 14),
    }


if __name__ == "__main__":
    path = write_json("losses.json", {"cases": [case(*row) for row in CASES]})
    print(f"{path}: {len(CASES)} cases, {path.stat().st_size} bytes")
