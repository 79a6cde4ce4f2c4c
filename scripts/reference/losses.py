"""Writes test/fixtures/losses.json: value and input gradient of each loss, in float64, from PyTorch, torchvision and PyTorch Metric Learning.

`targets` are class indices, or numbers in the input's shape. Every loss is the mean over the batch as PyTorch's
`reduction="mean"` defines it, or `batchmean` for the divergence. `axis` is the class axis. `mask` selects the places that count.
"""

import torch
from pytorch_metric_learning import distances, losses, miners, reducers
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from generator import rounded, uniform, write_json

N, C = 5, 4
LOGITS = torch.from_numpy(uniform([N, C], 1, -3, 3))
EXTREME = LOGITS * torch.tensor([1.0, 30.0, -30.0, 1.0, 60.0])[:, None]  # overflows in a naive softmax or log
TEACHER = torch.from_numpy(uniform([N, C], 2, -3, 3))
NUMBERS = torch.from_numpy(uniform([N, C], 3, -2, 2))
UNIT = torch.from_numpy(uniform([N, C], 4, 0, 1))
BINARY = torch.tensor([[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 1, 1], [1, 1, 0, 1], [0, 0, 0, 1]], dtype=torch.float32)
CLASSES = torch.tensor([2, 0, 3, 1, 1])
WITH_IGNORED = torch.tensor([2, -100, 3, -100, 1])
CLASS_WEIGHTS = [0.5, 2.0, 1.0, 0.25]
PIXELS = torch.from_numpy(uniform([2, 3, 2, 2], 5, -2, 2))  # one class for each of 2x2 places
PIXEL_CLASSES = torch.tensor([[[0, 2], [1, 1]], [[2, 2], [0, 1]]])
PIXELS_WITH_VOID = torch.tensor([[[0, 255], [1, 1]], [[2, 2], [255, 1]]])
PIXEL_MASK = torch.tensor([[[1, 0], [1, 1]], [[0, 0], [1, 1]]], dtype=torch.float32)
PIXEL_TEACHER = F.softmax(torch.from_numpy(uniform([2, 3, 2, 2], 7, -3, 3)), 1)
TOKENS = torch.from_numpy(uniform([3, 4, 5], 8, -3, 3))  # 3 samples of 4 tokens, 5 classes
TOKEN_CLASSES = torch.tensor([[4, 0, 2, -100], [1, 1, -100, -100], [3, -100, -100, -100]])
ALL_TOKENS = torch.tensor([[4, 0, 2, 1], [1, 1, 0, 3], [3, 2, 2, 0]])
TOKEN_MASK = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0], [1, 0.5, 0, 0]])
TOKEN_TEACHER = F.softmax(torch.from_numpy(uniform([3, 4, 5], 9, -3, 3)), 2)
TOKEN_WEIGHTS = [1.0, 0.5, 3.0, 0.25, 2.0]
SERIES = torch.from_numpy(uniform([2, 3, 4], 10, -3, 3))  # [N, C, d]
SERIES_CLASSES = torch.tensor([[0, 2, 1, -100], [2, 2, -100, 0]])
PIXEL_WEIGHTS = [0.5, 2.0, 1.25]


def second(x):
    """[N, ..., C] as [N, C, ...], which PyTorch's losses take."""
    return x.movedim(-1, 1)


def last(loss):
    """A loss of [N, ..., C]; labels in the input's shape move with it."""
    return lambda x, y, *mask: loss(second(x), second(y) if y.is_floating_point() else y, *mask)


def cross_entropy(weight=None, **options):
    def loss(x, y, mask=None):
        w = None if weight is None else torch.tensor(weight, dtype=x.dtype)
        if mask is None:
            return F.cross_entropy(x, y, weight=w, **options)
        # PyTorch's mean divides by the weights of the places' classes, or, for probabilities, by the number of places.
        each = F.cross_entropy(x, y, weight=w, reduction="none", **options)
        counts = torch.ones_like(each) if y.is_floating_point() else (y != -100) * (1 if w is None else w[y.clamp(min=0)])
        return (each * mask).sum() / (counts * mask).sum()
    return loss


def softmax_focal(gamma: float, alpha=None, ignored=-100):
    """Lin and others, "Focal Loss for Dense Object Detection", 2017, over a softmax: mean of -alpha[y] (1 - p[y])^gamma ln p[y]."""
    def loss(x, y, mask=None):
        counts = (y != ignored).to(x.dtype) * (1 if mask is None else mask)
        y = y.where(y != ignored, 0)
        log_p = F.log_softmax(x, 1).gather(1, y[:, None])[:, 0]
        weight = 1.0 if alpha is None else torch.tensor(alpha, dtype=x.dtype)[y]
        return (-weight * (1 - log_p.exp()) ** gamma * log_p * counts).sum() / counts.sum()
    return loss


def distillation(temperature: float):
    """Hinton and others, "Distilling the Knowledge in a Neural Network", 2015: T^2 KL(teacher || student), both softened by T."""
    def loss(x, teacher):
        student, target = F.log_softmax(x / temperature, 1), F.softmax(teacher / temperature, 1)
        return F.kl_div(student, target, reduction="batchmean") * temperature**2
    return loss


def divergence(x, probabilities):
    return F.kl_div(F.log_softmax(x, 1), probabilities, reduction="batchmean")


def divergence_by_place(weight=None, temperature=1.0, over="samples"):
    """The divergence of each place, with class weights and a mask; the mean over samples (as `batchmean`) or over places."""
    def loss(x, probabilities, mask=None):
        each = F.kl_div(F.log_softmax(x / temperature, 1), probabilities, reduction="none")
        if weight is not None:
            each = each * torch.tensor(weight, dtype=x.dtype).view(-1, *[1] * (x.dim() - 2))
        places = each.sum(1) * temperature**2
        mask = torch.ones_like(places) if mask is None else mask
        return (places * mask).sum() / (len(x) if over == "samples" else mask.sum())
    return loss


def masked(loss, **options):
    """The mean of the elements that the mask selects."""
    return lambda x, y, mask: (loss(x, y, reduction="none", **options) * mask).sum() / mask.sum()


def bce(pos_weight=None):
    def loss(x, y):
        weight = None if pos_weight is None else torch.tensor(pos_weight, dtype=x.dtype)
        return F.binary_cross_entropy_with_logits(x, y, pos_weight=weight)
    return loss


def sigmoid_focal(alpha: float, gamma: float):
    return lambda x, y: sigmoid_focal_loss(x, y, alpha=alpha, gamma=gamma, reduction="mean")


# Unit vectors; some classes have one sample, one has several: every loss then has anchors without positives.
EMBEDDINGS = F.normalize(torch.from_numpy(uniform([8, 5], 6, -1, 1)).double()).float()
GROUPS = torch.tensor([0, 1, 0, 2, 1, 0, 3, 1])
ALONE = torch.tensor([0, 1, 2, 3, 4, 5, 6, 7])  # no two of one class
ALIKE = torch.zeros(8, dtype=torch.int64)  # no two of different ones
DOT = dict(distance=distances.DotProductSimilarity(normalize_embeddings=False))


def triplet(margin: float, mining: str):
    """Hermans and others, 2017: batch hard as the mean over anchors, batch all over the triplets with a loss above 0."""
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
    ("cross-entropy", {"axis": 1}, PIXELS, PIXEL_CLASSES, cross_entropy()),
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
    # Labels with shape: pixels [N, C, H, W], series [N, C, d], tokens [N, T, C].
    ("cross-entropy", {"axis": 1, "weight": PIXEL_WEIGHTS, "label_smoothing": 0.1, "ignore_index": 255}, PIXELS, PIXELS_WITH_VOID,
     cross_entropy(PIXEL_WEIGHTS, label_smoothing=0.1, ignore_index=255)),
    ("cross-entropy", {"axis": 1, "weight": PIXEL_WEIGHTS, "ignore_index": 2}, PIXELS, PIXEL_CLASSES, cross_entropy(PIXEL_WEIGHTS, ignore_index=2)),
    ("cross-entropy", {"axis": 1, "weight": PIXEL_WEIGHTS}, PIXELS, PIXEL_CLASSES, cross_entropy(PIXEL_WEIGHTS), PIXEL_MASK),
    ("cross-entropy", {"axis": 1, "targets": "probabilities"}, PIXELS, PIXEL_TEACHER, cross_entropy()),
    ("cross-entropy", {"axis": 1, "targets": "probabilities", "weight": PIXEL_WEIGHTS, "label_smoothing": 0.2}, PIXELS, PIXEL_TEACHER,
     cross_entropy(PIXEL_WEIGHTS, label_smoothing=0.2)),
    ("cross-entropy", {"axis": 1, "targets": "probabilities"}, PIXELS, PIXEL_TEACHER, cross_entropy(), PIXEL_MASK),
    ("cross-entropy", {"axis": 1}, SERIES, SERIES_CLASSES, cross_entropy()),
    ("cross-entropy", {"axis": 1, "label_smoothing": 0.1}, SERIES, SERIES_CLASSES, cross_entropy(label_smoothing=0.1)),
    ("cross-entropy", {"axis": -1}, TOKENS, TOKEN_CLASSES, last(cross_entropy())),
    ("cross-entropy", {"axis": -1, "weight": TOKEN_WEIGHTS, "label_smoothing": 0.2}, TOKENS, TOKEN_CLASSES,
     last(cross_entropy(TOKEN_WEIGHTS, label_smoothing=0.2))),
    ("cross-entropy", {"axis": -1, "weight": TOKEN_WEIGHTS, "label_smoothing": 0.2}, TOKENS, ALL_TOKENS,
     last(cross_entropy(TOKEN_WEIGHTS, label_smoothing=0.2)), TOKEN_MASK),
    ("cross-entropy", {"axis": -1}, TOKENS, TOKEN_CLASSES, last(cross_entropy()), TOKEN_MASK),
    ("cross-entropy", {"axis": -1, "targets": "probabilities", "weight": TOKEN_WEIGHTS}, TOKENS, TOKEN_TEACHER, last(cross_entropy(TOKEN_WEIGHTS)),
     TOKEN_MASK),
    ("kl", {"axis": 1, "targets": "probabilities"}, PIXELS, PIXEL_TEACHER, divergence),
    ("kl", {"axis": -1, "targets": "probabilities"}, TOKENS, TOKEN_TEACHER, last(divergence)),
    ("kl", {"axis": -1, "targets": "probabilities", "temperature": 2.0, "weight": TOKEN_WEIGHTS}, TOKENS, TOKEN_TEACHER,
     last(divergence_by_place(TOKEN_WEIGHTS, 2.0)), TOKEN_MASK),
    ("kl", {"axis": -1, "targets": "probabilities", "mean_over": "places"}, TOKENS, TOKEN_TEACHER, last(divergence_by_place(over="places")), TOKEN_MASK),
    ("kl", {"axis": 1, "targets": "probabilities", "mean_over": "places", "weight": PIXEL_WEIGHTS}, PIXELS, PIXEL_TEACHER,
     divergence_by_place(PIXEL_WEIGHTS, over="places")),
    ("focal", {"kind": "softmax", "axis": 1, "ignore_index": 255}, PIXELS, PIXELS_WITH_VOID, softmax_focal(2.0, ignored=255)),
    ("focal", {"kind": "softmax", "axis": -1, "gamma": 0.5, "alpha": TOKEN_WEIGHTS}, TOKENS, TOKEN_CLASSES, last(softmax_focal(0.5, TOKEN_WEIGHTS)),
     TOKEN_MASK),
    ("focal", {"kind": "sigmoid"}, LOGITS, BINARY, masked(sigmoid_focal_loss), UNIT),
    ("bce-with-logits", {}, LOGITS, BINARY, masked(F.binary_cross_entropy_with_logits), UNIT),
    ("mse", {}, LOGITS, NUMBERS, masked(F.mse_loss), BINARY),
]


def case(name, options, inputs, targets, loss, *mask) -> dict:
    x = inputs.double().requires_grad_()
    value = loss(x, targets.double() if targets.is_floating_point() else targets, *[m.double() for m in mask])
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(x.grad).all(), name
    flat = lambda tensor, digits: rounded(tensor.detach().flatten().tolist(), digits)
    return {
        "loss": name, "options": options, "shape": list(inputs.shape), "inputs": flat(inputs, 9),
        "targetShape": list(targets.shape), "targets": flat(targets, 9), "value": rounded(value.item(), 14), "gradient": flat(x.grad, 14),
        **({"mask": flat(mask[0], 9)} if mask else {}),
    }


if __name__ == "__main__":
    path = write_json("losses.json", {"cases": [case(*row) for row in CASES]})
    print(f"{path}: {len(CASES)} cases, {path.stat().st_size} bytes")
