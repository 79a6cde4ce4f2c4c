"""Writes test/fixtures/penalties.json: three steps of SGD on a small network with penalties or distillation in the loss, and balanced weights.

L2-SP (Li, Grandvalet and Davoine, 2018): alpha/2 |w - w0|^2 for the pretrained weights, beta/2 |w|^2 for the head's. Biases have no penalty. In
float64. The class weights are scikit-learn's.
"""

import numpy as np
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

from generator import rounded, uniform, write_json

RATE, CLASSES = 0.1, 3
CASES = [{"l1": 0.02}, {"l2": 0.03}, {"l2sp": {"alpha": 0.4, "beta": 0.1}}, {"l1": 0.01, "l2": 0.02, "l2sp": {"alpha": 0.3, "beta": 0}}]
DISTILLED = [{"of": "features", "weight": 2, "temperature": 1}, {"of": "scores", "weight": 0.3, "temperature": 2}]
COUNTS = [[5, 3, 12], [1, 1, 1, 7]]

flat = lambda tensor: rounded(tensor.detach().flatten().tolist(), 12)


def net():
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, CLASSES)).double()
    for seed, value in enumerate(model.state_dict().values(), 1):
        value.copy_(torch.from_numpy(uniform(value.shape, seed, -0.7, 0.7)))
    return model


def penalty(model, start, l1=0, l2=0, l2sp=None):
    body, head = model[0].weight, model[2].weight
    total = l1 * (body.abs().sum() + head.abs().sum()) + l2 * (body.square().sum() + head.square().sum())
    if l2sp:
        total = total + l2sp["alpha"] / 2 * (body - start).square().sum() + l2sp["beta"] / 2 * head.square().sum()
    return total


def taught(loss, model, teacher, x, of, weight, temperature):
    if of == "features":
        return loss + weight * nn.functional.mse_loss(model[:2](x), teacher[:2](x))
    soft = [nn.functional.log_softmax(m(x) / temperature, 1) for m in (model, teacher)]
    return (1 - weight) * loss + weight * temperature**2 * nn.functional.kl_div(*soft, reduction="batchmean", log_target=True)


def distillation(inputs, labels, case):
    model, teacher, losses = net(), net().requires_grad_(False), []
    for x, y in zip(inputs, labels):
        x = torch.from_numpy(x).double()
        loss = taught(nn.functional.cross_entropy(model(x), torch.tensor(y)), model, teacher, x, **case)
        model.zero_grad()
        loss.backward()
        losses.append(rounded(loss.item(), 12))
        with torch.no_grad():
            for p in model.parameters():
                p -= RATE * p.grad
    return {"distill": case, "losses": losses, "final": {name: flat(p) for name, p in model.named_parameters()}}


if __name__ == "__main__":
    inputs = [uniform([4, 5], 100 + i, -1, 1) for i in range(3)]
    labels = [[(i + n) % CLASSES for n in range(4)] for i in range(3)]
    cases = []
    for case in CASES:
        model = net()
        start = model[0].weight.detach().clone()
        losses = []
        for x, y in zip(inputs, labels):
            loss = nn.functional.cross_entropy(model(torch.from_numpy(x).double()), torch.tensor(y)) + penalty(model, start, **case)
            model.zero_grad()
            loss.backward()
            losses.append(rounded(loss.item(), 12))
            with torch.no_grad():
                for p in model.parameters():
                    p -= RATE * p.grad
        cases.append({"penalty": case, "losses": losses, "final": {name: flat(p) for name, p in model.named_parameters()}})
    balanced = []
    for counts in COUNTS:
        y = np.repeat(np.arange(len(counts)), counts)
        balanced.append({"counts": counts, "weights": rounded(compute_class_weight("balanced", classes=np.unique(y), y=y).tolist(), 12)})
    path = write_json("penalties.json", {
        "initial": {name: {"shape": list(p.shape), "values": flat(p)} for name, p in net().named_parameters()}, "lr": RATE,
        "inputs": [rounded(x.ravel().tolist()) for x in inputs], "labels": labels, "cases": cases, "balanced": balanced,
        "distilled": [distillation(inputs, labels, case) for case in DISTILLED],
    })
    print(f"{path}: {path.stat().st_size} bytes")
