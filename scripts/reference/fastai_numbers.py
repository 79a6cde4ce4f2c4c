"""Writes test/fixtures/fastai.json: fastai's learning rates and momenta, step by step, as its own Learner records them.

`fineTune`: for each call of Learner.fine_tune, rates[step][parameter group] and momenta[step]; a frozen parameter group also has
a rate. `rangeTests`: curves, and the rate that each of fastai's methods suggests for them.

fastai has many dependencies, so it has its own environment (fastai-requirements.txt).
"""

import torch
from fastai.callback.schedule import ParamScheduler, minimum, steep, valley
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Callback, Learner
from torch import nn

from generator import rounded, uniform, write_json

BATCHES = 4


class Record(Callback):
    order = ParamScheduler.order + 1

    def __init__(self):
        self.rates, self.momenta = [], []

    def before_batch(self):
        if self.training:
            self.rates.append([float(hyper["lr"]) for hyper in self.opt.hypers])
            self.momenta.append(float(self.opt.hypers[-1]["mom"]))


def fine_tune(groups: int, epochs: int, **options) -> dict:
    """A network with this many layers, each a parameter group."""
    network = nn.Sequential(*[nn.Linear(3, 3) for _ in range(groups)])
    data = [(torch.ones(3), torch.zeros(3)) for _ in range(BATCHES)]
    loaders = DataLoaders(DataLoader(data, bs=1), DataLoader(data, bs=1))
    record = Record()
    split = lambda model: [list(layer.parameters()) for layer in model]
    learner = Learner(loaders, network, loss_func=nn.MSELoss(), splitter=split, cbs=[record])
    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(epochs, **options)
    return {
        "groups": groups, "epochs": epochs, "stepsPerEpoch": BATCHES, "options": options,
        "rates": rounded(record.rates, 7), "momenta": rounded(record.momenta, 7),
    }


def curve(count: int, seed: int, best: float) -> tuple[list[float], list[float]]:
    """A loss that falls to a rate of `best`, then explodes, with noise."""
    rates = [1e-6 * 1e7 ** (i / (count - 1)) for i in range(count)]
    noise = uniform((count,), seed, -0.04, 0.04)
    losses = [2 - 1.5 / (1 + (best / 10 / rate) ** 1.3) + 4 * max(0.0, rate / best - 1) ** 0.7 + float(n) for rate, n in zip(rates, noise)]
    return rounded(rates, 7), rounded(losses, 7)


def range_test(count: int, seed: int, best: float) -> dict:
    rates, losses = curve(count, seed, best)
    tensors = torch.tensor(rates, dtype=torch.float64), torch.tensor(losses, dtype=torch.float64)
    suggestions = {f.__name__: f(*tensors, count)[0] for f in (valley, steep, minimum)}
    return {"rates": rates, "losses": losses, "suggestions": rounded(suggestions, 7)}


if __name__ == "__main__":
    path = write_json("fastai.json", {
        "fineTune": [fine_tune(3, 5), fine_tune(6, 2, base_lr=0.01, lr_mult=10)],
        "rangeTests": [range_test(80, 1, 0.1), range_test(40, 2, 0.01), range_test(120, 3, 1.0)],
    })
    print(f"{path}: {path.stat().st_size} bytes")
