"""Writes test/fixtures/lora.json: a small network with low-rank adapters, three steps of SGD, and the merged model.

There are two cases. In `peft`, the adapters come from the package of that name. In `grouped` one convolution has two groups and is dilated: there peft's adapter
would mix the groups, cannot be merged and forgets the dilation; here it is written out, with A and B like the layer. Everything is in float64.
"""

import torch
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict
from torch import nn

from generator import rounded, uniform, write_json

RANK, ALPHA, RATE, CLASSES = 2, 3, 0.1, 3
BATCHES = [4, 4, 2]
TARGETS = ["stem", "mix", "point", "token", "neck"]


class Net(nn.Module):
    def __init__(self, groups):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.mix = nn.Conv2d(8, 12, 3, padding=groups, dilation=groups, groups=groups, bias=False)
        self.point = nn.Conv2d(12, 10, 1)
        self.token = nn.Linear(10, 10, bias=False)
        self.neck = nn.Linear(10, 9)
        self.head = nn.Linear(9, CLASSES)

    def forward(self, x):
        x = torch.tanh(self.point(torch.tanh(self.mix(torch.tanh(self.stem(x))))))
        tokens = torch.tanh(self.token(x.flatten(2).transpose(1, 2)))
        return self.head(torch.tanh(self.neck(tokens.mean(1))))


class Adapted(nn.Module):
    """y = layer(x) + α/r · B(A(x)), A with the convolution's strides, pads, dilations and groups, B a 1x1 convolution of as many groups."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.group = layer, layer.groups if isinstance(layer, nn.Conv2d) else 1
        weight = layer.weight
        ones = [1] * (weight.dim() - 2)
        self.lora_A = nn.Parameter(torch.zeros([self.group * RANK, *weight.shape[1:]], dtype=torch.float64))
        self.lora_B = nn.Parameter(torch.zeros([weight.shape[0], RANK, *ones], dtype=torch.float64))

    def forward(self, x):
        if isinstance(self.layer, nn.Linear):
            low = x @ self.lora_A.T @ self.lora_B.T
        else:
            own = dict(stride=self.layer.stride, padding=self.layer.padding, dilation=self.layer.dilation, groups=self.group)
            low = nn.functional.conv2d(nn.functional.conv2d(x, self.lora_A, **own), self.lora_B, groups=self.group)
        return self.layer(x) + ALPHA / RANK * low

    def merged(self):
        a = self.lora_A.reshape(self.group, RANK, -1)
        b = self.lora_B.reshape(self.group, -1, RANK)
        return self.layer.weight + ALPHA / RANK * (b @ a).reshape(self.layer.weight.shape)


flat = lambda tensor: rounded(tensor.detach().flatten().tolist(), 12)


def adapters_of(model):
    """Module, matrix -> parameter."""
    found = {}
    for name, parameter in model.named_parameters():
        parts = name.replace(".default.weight", "").split(".")
        if parts[-1] in ("lora_A", "lora_B"):
            found[parts[-2], parts[-1]] = parameter
    return found


def case(name, groups):
    net = Net(groups).double()
    initial = {}
    for seed, (key, value) in enumerate(net.state_dict().items(), 1):
        bound = (3 / value[0].numel()) ** 0.5 if value.dim() > 1 else 0.5
        values = uniform(value.shape, seed, -bound, bound)
        initial[key] = {"shape": list(value.shape), "values": rounded(values.ravel().tolist())}
        value.copy_(torch.from_numpy(values))
    head = net.head
    if name == "peft":
        model = get_peft_model(net, LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=TARGETS, modules_to_save=[])).double()
        keys = sorted(get_peft_model_state_dict(model))
    else:
        for target in TARGETS:
            setattr(net, target, Adapted(getattr(net, target)))
        model, keys = net, None
    adapters = adapters_of(model)
    start = {}
    for seed, (key, parameter) in enumerate(adapters.items(), 50):
        # B starts at zero; in the second step, both have gradients.
        values = uniform(parameter.shape, seed, -0.4, 0.4) * (key[1] == "lora_A")
        start[".".join(key)] = {"shape": list(parameter.shape), "values": rounded(values.ravel().tolist())}
        parameter.data.copy_(torch.from_numpy(values))
    trained = {".".join(key): parameter for key, parameter in adapters.items()}
    trained |= {"head.weight": head.weight, "head.bias": head.bias}
    for parameter in model.parameters():
        parameter.requires_grad_(any(parameter is own for own in trained.values()))

    steps = []
    for i, size in enumerate(BATCHES):
        x = uniform([size, 3, 9, 7], 100 + i, -1, 2)
        labels = [(i + n) % CLASSES for n in range(size)]
        logits = model(torch.from_numpy(x).double())
        loss = nn.functional.cross_entropy(logits, torch.tensor(labels))
        model.zero_grad()
        loss.backward()
        steps.append({
            "shape": list(x.shape), "input": rounded(x.ravel().tolist()), "labels": labels, "loss": rounded(loss.item(), 12), "logits": flat(logits),
            "gradients": {key: flat(p.grad) for key, p in trained.items()},
        })
        with torch.no_grad():
            for p in trained.values():
                p -= RATE * p.grad
    last = torch.from_numpy(x).double()
    final = {key: flat(p) for key, p in trained.items()}
    after = model(last)
    if name == "peft":
        merged = {key: flat(value) for key, value in model.merge_and_unload().state_dict().items() if key.endswith("weight") and "head" not in key}
        assert torch.allclose(net(last), after, atol=1e-12)
    else:
        merged = {f"{target}.weight": flat(getattr(net, target).merged()) for target in TARGETS}
    return {
        "name": name, "groups": groups, "rank": RANK, "alpha": ALPHA, "lr": RATE, "initial": initial, "adapters": start, "steps": steps,
        "final": final, "merged": merged, "after": flat(after), "keys": keys,
    }


if __name__ == "__main__":
    path = write_json("lora.json", {"cases": [case("peft", 1), case("grouped", 2)]})
    print(f"{path}: {path.stat().st_size} bytes")
