"""Optimizers that PyTorch does not have, by their papers' formulas, in numpy. Run as a script, it compares them with timm's.

Each takes parameter groups like torch.optim's optimizers, so that it can replace them.
"""

import numpy as np
import torch


class Paper:
    def __init__(self, groups, lr, **options):
        self.param_groups = [{"lr": lr, **self.defaults, **options, **group} for group in groups]
        self.state = {}
        self.t = 0

    def step(self):
        self.t += 1
        for group in self.param_groups:
            for parameter in group["params"]:
                p, g = parameter.detach().numpy(), parameter.grad.numpy()
                state = {name: value.numpy() for name, value in self.state.get(parameter, {}).items()}
                p, state = self.update(p, g, state, group)
                self.state[parameter] = {name: torch.tensor(value) for name, value in state.items()}
                parameter.data = torch.tensor(p)


class Lamb(Paper):
    """You et al., "Large batch optimization for deep learning: training BERT in 76 minutes", 2020: Algorithm 2 with phi(z) = z."""

    defaults = {"betas": (0.9, 0.999), "eps": 1e-6, "weight_decay": 0.01}

    def update(self, x, g, state, group):
        (b1, b2), decay = group["betas"], group["weight_decay"]
        m = b1 * state.get("exp_avg", 0) + (1 - b1) * g
        v = b2 * state.get("exp_avg_sq", 0) + (1 - b2) * g**2
        r = m / (1 - b1**self.t) / (np.sqrt(v / (1 - b2**self.t)) + group["eps"])
        u = r + decay * x
        sizes = np.linalg.norm(x), np.linalg.norm(u)
        ratio = sizes[0] / sizes[1] if min(sizes) > 0 else 1
        return x - group["lr"] * ratio * u, {"exp_avg": m, "exp_avg_sq": v}


class Lion(Paper):
    """Chen et al., "Symbolic discovery of optimization algorithms", 2023: Program 1."""

    defaults = {"betas": (0.9, 0.99), "weight_decay": 0.0}

    def update(self, x, g, state, group):
        b1, b2 = group["betas"]
        m = state.get("exp_avg", np.zeros_like(g))
        c = b1 * m + (1 - b1) * g
        return x - group["lr"] * (np.sign(c) + group["weight_decay"] * x), {"exp_avg": b2 * m + (1 - b2) * g}


if __name__ == "__main__":
    import timm.optim

    theirs = {
        Lamb: lambda p: timm.optim.Lamb(p, lr=0.01, weight_decay=0.1, max_grad_norm=None, always_adapt=True),
        Lion: lambda p: timm.optim.Lion(p, lr=0.01, weight_decay=0.1),
    }
    for ours, other in theirs.items():
        ends = []
        for make in (lambda p: ours([{"params": p}], lr=0.01, weight_decay=0.1), other):
            torch.manual_seed(0)
            parameter = torch.nn.Parameter(torch.randn(4, 3, dtype=torch.float64))
            stepper = make([parameter])
            for _ in range(20):
                parameter.grad = torch.randn(4, 3, dtype=torch.float64)
                stepper.step()
            ends.append(parameter.detach())
        print(f"{ours.__name__}: {(ends[0] - ends[1]).abs().max():.1e} from timm's after 20 steps")
