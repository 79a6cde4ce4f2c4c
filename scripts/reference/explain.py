"""Writes test/fixtures/explain: a small convolutional network and a small vision transformer, and maps that explain their scores.

Grad-CAM and integrated gradients are captum's. captum has no Grad-CAM++ and no attention maps: those are the formulas of their papers,
with PyTorch's gradients. Weights are random; the images are random blobs.

With a folder and names of timm's networks, it writes those with random weights instead, to compare by hand:

    python scripts/reference/explain.py FOLDER resnet18 vit_tiny_patch16_224 …
"""

import json
import sys
from pathlib import Path

import captum.attr
import torch
from torch import nn

OUT = Path(__file__).parents[2] / "test/fixtures/explain"
STEPS = 20


class Block(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, padding=1)
        self.skip = nn.Conv2d(before, after, 1, stride)

    def forward(self, x):
        return torch.relu(self.second(torch.relu(self.norm(self.first(x)))) + self.skip(x))


class Cnn(nn.Module):
    """Residual, not square, with a softmax after its scores."""

    size = (24, 32)

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.blocks = nn.Sequential(Block(8, 12, 2), Block(12, 16, 1))
        self.head = nn.Linear(16, 5)

    def logits(self, x):
        return self.head(self.blocks(torch.relu(self.stem(x))).mean((2, 3)))

    def forward(self, x):
        return self.logits(x).softmax(1)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.attn_drop = nn.Identity()
        self.project = nn.Linear(width, width)

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        a = self.attn_drop((q @ k.transpose(-2, -1) * (c // self.heads) ** -0.5).softmax(-1))
        return self.project((a @ v).transpose(1, 2).reshape(n, t, c))


class Layer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Vit(nn.Module):
    """With a token for the class, which alone the head reads."""

    size = (24, 32)

    def __init__(self, width=16):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, 13, width))
        self.layers = nn.Sequential(*(Layer(width, 2) for _ in range(3)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 5)

    def logits(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        return self.head(self.norm(self.layers(x))[:, 0])

    forward = logits


def randomize(net):
    """Weights of a size that keeps the spread of the values, and statistics as if trained."""
    with torch.no_grad():
        for name, p in net.named_parameters():
            if p.dim() > 1 and "token" not in name and "positions" not in name:
                p.normal_(0, (2 / p[0].numel()) ** 0.5)
            elif "norm" in name and name.endswith("weight"):
                p.uniform_(0.5, 1.5)
            elif p.dim() == 1:
                p.normal_(0, 0.2)
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 1.5)
    return net.eval()


def blobs(count, height, width):
    noise = torch.randn(count, 3, height // 4, width // 4)
    return nn.functional.interpolate(noise, (height, width), mode="bilinear") + 0.2 * torch.randn(count, 3, height, width)


def caught(net, modules, x, target):
    """The outputs of modules, and their gradients of Σ logits[n, target n]."""
    outputs = []
    hooks = [m.register_forward_hook(lambda _m, _i, o: (o.retain_grad(), outputs.append(o)) and None) for m in modules]
    scores = net.logits(x.clone().requires_grad_()).gather(1, target[:, None])
    for hook in hooks:
        hook.remove()
    scores.sum().backward()
    return [o.detach() for o in outputs], [o.grad for o in outputs]


def grad_cam_plus_plus(a, g):
    """Chattopadhay et al., 2018, equations 11 and 19."""
    below = 2 * g**2 + (g**3) * a.sum((2, 3), keepdim=True)
    alpha = torch.where(g != 0, g**2 / torch.where(below != 0, below, 1), 0)
    return torch.relu(((alpha * torch.relu(g)).sum((2, 3), keepdim=True) * a).sum(1))


def maps_of_tokens(x, height, width):
    return x[:, x.shape[1] - height * width :].transpose(1, 2).reshape(x.shape[0], -1, height, width)


def attention_maps(attention, gradients, height, width, read=lambda r: r[:, 0]):
    """Abnar and Zuidema, 2020; Chefer et al., 2021. @param read rows of the tokens that the head reads"""
    n, _, t, _ = attention[0].shape
    rolled = weighted = torch.eye(t).expand(n, t, t)
    for a, g in zip(attention, gradients):
        rolled = (0.5 * a.mean(1) + 0.5 * torch.eye(t)) @ rolled
        weighted = weighted + torch.relu(g * a).mean(1) @ weighted
    places = lambda r: read(r)[:, t - height * width :].reshape(n, height, width)
    return {"rollout": places(rolled), "attention": places(weighted)}


def integrated_gradients(net, x, target, steps=STEPS):
    attributions, delta = captum.attr.IntegratedGradients(net.logits).attribute(
        x, torch.zeros_like(x), target, n_steps=steps, return_convergence_delta=True)
    return attributions.sum(1), delta


def cam(net, layer, x, target):
    (a,), (g,) = caught(net, [layer], x, target)
    captums = captum.attr.LayerGradCam(net.logits, layer).attribute(x, target, relu_attributions=True)[:, 0]
    return {"grad-cam": captums, "grad-cam++": grad_cam_plus_plus(a, g)}


def token_cam(net, layer, x, target, height, width):
    """The same for tokens, which captum would take for channels."""
    (a,), (g,) = caught(net, [layer], x, target)
    a, g = maps_of_tokens(a, height, width), maps_of_tokens(g, height, width)
    return {"grad-cam": torch.relu((g.mean((2, 3), keepdim=True) * a).sum(1)), "grad-cam++": grad_cam_plus_plus(a, g)}


def export(net, file, x, dynamo=False):
    axes = {"images": {0: "batch"}, "logits": {0: "batch"}}
    if dynamo:
        torch.onnx.export(net, (x,), file, dynamo=True, input_names=["images"], output_names=["logits"], external_data=False,
                          dynamic_shapes=({0: torch.export.Dim("batch")},), verbose=False)
    else:
        torch.onnx.export(net, (x,), file, dynamo=False, input_names=["images"], output_names=["logits"], dynamic_axes=axes,
                          opset_version=17, training=torch.onnx.TrainingMode.PRESERVE)


def rounded(x):
    return [float(f"{v:.7g}") for v in x.flatten().tolist()]


def document(x, target, maps, attributions, delta):
    return {
        "shape": list(x.shape), "images": rounded(x), "target": target.tolist(), "steps": STEPS, "delta": rounded(delta),
        "maps": {name: {"shape": list(m.shape), "values": rounded(m)} for name, m in (maps | {"integrated-gradients": attributions}).items()},
    }


def small():
    OUT.mkdir(exist_ok=True)
    for seed, (name, kind) in enumerate({"cnn": Cnn, "vit": Vit}.items()):
        torch.manual_seed(seed)
        net = randomize(kind())
        x, target = blobs(3, *kind.size), torch.tensor([4, 0, 2])
        if name == "cnn":
            maps = cam(net, net.blocks, x, target)
        else:
            maps = token_cam(net, net.layers[-1].norm1, x, target, 3, 4)
            maps |= attention_maps(*caught(net, [layer.attention.attn_drop for layer in net.layers], x, target), 3, 4)
        export(net, OUT / f"{name}.onnx", x)
        (OUT / f"{name}.json").write_text(json.dumps(document(x, target, maps, *integrated_gradients(net, x, target))) + "\n")


TIMM_LAYERS = {"resnet18": "layer4", "mobilenetv3_small_100": "blocks", "densenet121": "features", "convnext_atto": "stages",
               "regnety_002": "final_conv", "efficientnet_lite0": "bn2", "vgg11": "features", "mobilevit_xxs": "final_conv"}


def timm_network(folder, name, dynamo):
    import timm

    torch.manual_seed(7)
    timm.layers.set_fused_attn(False)
    net = timm.create_model(name, num_classes=7)
    randomize(net) if name in TIMM_LAYERS else net.eval()
    net.logits = net.forward
    size = net.default_cfg["input_size"][1]
    x, target = blobs(2, size, size), torch.tensor([3, 6])
    drops = [m for n, m in net.named_modules() if n.endswith("attn_drop")]
    maps = {}
    if name in TIMM_LAYERS:
        maps = cam(net, net.get_submodule(TIMM_LAYERS[name]), x, target)
    elif name.startswith(("vit", "deit")):
        side = size // 16 if "16" in name else size // 14
        maps = token_cam(net, net.blocks[-1].norm1, x, target, side, side) if net.global_pool == "token" else {}
        prefix = net.num_prefix_tokens
        read = {"token": lambda r: r[:, 0], "avg": lambda r: r[:, prefix:].mean(1)}.get(net.global_pool, lambda r: r.mean(1))
        maps |= attention_maps(*caught(net, drops, x, target), side, side, read)
    attributions, delta = integrated_gradients(net, x, target)
    export(net, folder / f"{name}.onnx", x, dynamo)
    (folder / f"{name}.json").write_text(json.dumps(document(x, target, maps, attributions, delta)))
    print(name, list(maps), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        folder = Path(sys.argv[1])
        folder.mkdir(parents=True, exist_ok=True)
        for name in sys.argv[2:]:
            timm_network(folder, name.removesuffix("-dynamo"), name.endswith("-dynamo"))
    else:
        small()
