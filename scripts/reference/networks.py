"""Writes test/fixtures/networks/NAME-{folded,kept}.{onnx,json}: whole networks with PyTorch's loss and gradients.

    python scripts/reference/networks.py [NAME...]        all of them where none is named
    python scripts/reference/networks.py --check          rebuilds every model from the committed files alone and runs it

The .onnx file lacks its parameters: the .json lists them with the formula for their values (generator.py), the reference
loss, and what pins each gradient. `folded` has batch norm folded into the convolution before it, `kept` has
BatchNormalization nodes with running statistics, which stay frozen.
"""

import io
import json
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
import torchvision.models as zoo
from onnx import numpy_helper
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

import onnx_torch
from generator import FIXTURES, projections, rounded, uniform, write_json

CLASSES = 10
SIZE = 64
BATCH = 3
EXPORT_BATCH = 2  # not the reference's, so that a batch frozen in the graph shows
LABELS = [1, 4, 7]
INPUT_SEED = 100_000  # far from the tensors' seeds
PERTURBATIONS = 4
PERTURBATION = 1.5e-6  # of a weight, some ten times the rounding of a float32
WITHOUT_MARGIN = {"densenet121"}  # so many corners that none of a hundred inputs is far from all
FOLDER = FIXTURES / "networks"


def vgg11() -> nn.Module:
    """VGG11's layout at an eighth of its width."""
    features = zoo.vgg.make_layers([8, "M", 16, "M", 32, 32, "M", 64, 64, "M", 64, 64, "M"], batch_norm=True)
    net = zoo.VGG(features, num_classes=CLASSES, init_weights=False)
    net.avgpool = nn.AdaptiveAvgPool2d((2, 2))
    net.classifier[0] = nn.Linear(64 * 2 * 2, 64)
    net.classifier[3] = nn.Linear(64, 64)
    net.classifier[6] = nn.Linear(64, CLASSES)
    return net


def resnext() -> nn.Module:
    """ResNeXt's bottleneck with 8 groups of 8, two blocks a stage."""
    return zoo.ResNet(zoo.resnet.Bottleneck, [2, 2, 2, 2], num_classes=CLASSES, groups=8, width_per_group=8)


NETWORKS = {
    "resnet18": lambda: zoo.resnet18(num_classes=CLASSES),
    "mobilenet_v2": lambda: zoo.mobilenet_v2(num_classes=CLASSES),
    "mobilenet_v3_small": lambda: zoo.mobilenet_v3_small(num_classes=CLASSES),
    "efficientnet_b0": lambda: zoo.efficientnet_b0(num_classes=CLASSES),
    "densenet121": lambda: zoo.densenet121(num_classes=CLASSES),
    "resnext": resnext,
    "vgg11": vgg11,
    "squeezenet1_1": lambda: zoo.squeezenet1_1(num_classes=CLASSES),
    "mnasnet0_5": lambda: zoo.mnasnet0_5(num_classes=CLASSES),
    "shufflenet_v2_x0_5": lambda: zoo.shufflenet_v2_x0_5(num_classes=CLASSES),
    "googlenet": lambda: zoo.googlenet(num_classes=CLASSES, aux_logits=False, init_weights=False, transform_input=True),
    "regnet_y_400mf": lambda: zoo.regnet_y_400mf(num_classes=CLASSES),
    "mobilenet_v3_large": lambda: zoo.mobilenet_v3_large(num_classes=CLASSES),
}


def fold_batch_norm(net: nn.Module) -> nn.Module:
    """The same network without the batch norms that directly follow a convolution, whose names stay."""
    graph_module = fx.symbolic_trace(net)
    modules = dict(graph_module.named_modules())

    def replace(name: str, module: nn.Module) -> None:
        parent, _, child = name.rpartition(".")
        setattr(modules[parent], child, module)

    for node in graph_module.graph.nodes:
        if node.op != "call_module" or not isinstance(modules[node.target], nn.BatchNorm2d):
            continue
        source = node.args[0]
        if source.op == "call_module" and isinstance(modules[source.target], nn.Conv2d) and len(source.users) == 1:
            replace(source.target, fuse_conv_bn_eval(modules[source.target], modules[node.target]))
            replace(node.target, nn.Identity())
    return graph_module


def named_values(net: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters, and running statistics."""
    statistics = {name: value for name, value in net.named_buffers() if value.is_floating_point() and value.dim() > 0}
    return dict(net.named_parameters()) | statistics


def assign_values(net: nn.Module, x: torch.Tensor) -> list[dict]:
    """Fills the network by formula and returns the formula's numbers for each tensor.

    The bound of each weight is chosen in one pass of `x` so that its layer's outputs have a deviation of one: without that,
    deep networks without batch norm give activations of any size, and gradients that prove nothing.
    """
    entries = {}

    def fill(name: str, value: torch.Tensor, low: float, high: float) -> None:
        entry = entries.setdefault(name, {"name": name, "shape": list(value.shape), "seed": len(entries) + 1})
        entry |= {"low": low, "high": high}
        entries[name] = entry
        value.data.copy_(torch.from_numpy(uniform(entry["shape"], entry["seed"], low, high)))

    for name, value in named_values(net).items():
        if name.endswith("running_var") or (name.endswith("weight") and value.dim() == 1):
            fill(name, value, 0.5, 1.5)
        elif value.dim() == 1:
            fill(name, value, -0.2, 0.2)
        else:
            bound = rounded(float(np.sqrt(3 / np.prod(value.shape[1:]))), 4)
            fill(name, value, -bound, bound)

    def normalise(name: str):
        def hook(module, inputs, output):
            deviation = output.std().item()
            bound = rounded(entries[f"{name}.weight"]["high"] / deviation, 4)
            fill(f"{name}.weight", module.weight, -bound, bound)
            return module.forward(inputs[0])
        return hook

    layers = [(name, module) for name, module in net.named_modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    hooks = [module.register_forward_hook(normalise(name)) for name, module in layers]
    with torch.no_grad():
        net.double()(x.double())
    for hook in hooks:
        hook.remove()
    net.float()
    return list(entries.values())


def export(net: nn.Module, kept: bool) -> onnx.ModelProto:
    file = io.BytesIO()
    torch.onnx.export(
        net, torch.zeros(EXPORT_BATCH, 3, SIZE, SIZE), file, dynamo=False, opset_version=17, do_constant_folding=True,
        training=torch.onnx.TrainingMode.PRESERVE if kept else torch.onnx.TrainingMode.EVAL,
        input_names=["input"], output_names=["logits"],
        dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
    )
    return onnx.load_model_from_string(file.getvalue())


def gradients(net: nn.Module, x: torch.Tensor):
    net.zero_grad(set_to_none=True)
    logits = net(x)
    loss = nn.functional.cross_entropy(logits, torch.tensor(LABELS))
    loss.backward()
    return logits.detach().numpy(), loss.item(), {name: p.grad.numpy().copy() for name, p in net.named_parameters()}


def perturbed_gradients(net: nn.Module, x: torch.Tensor):
    """Gradients of networks whose every weight is off by a little, as if each layer had been rounded in another way."""
    stored = {name: parameter.detach().clone() for name, parameter in net.named_parameters()}
    for seed in range(PERTURBATIONS):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, parameter in net.named_parameters():
                parameter.copy_(stored[name] * (1 + PERTURBATION * (2 * torch.rand(parameter.shape, generator=generator) - 1)))
        yield gradients(net, x)[2]
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.copy_(stored[name])


def reference(net: nn.Module, margin: float) -> tuple[dict, list[dict], dict]:
    """The input, the filled network's tensors, and its float64 run.

    A float32 run may round an activation to the other side of a ReLU's or Clip's corner, or a MaxPool's tie, which changes
    the gradient by 1e-3 and says nothing about who is right. So inputs are tried until two float32 runs, which sum in
    different orders, both agree with float64, and so do, to `margin`, runs with all weights off by more than a float32 run rounds.
    """
    attempts = []
    for seed in range(INPUT_SEED, INPUT_SEED + 40):
        picture = {"name": "input", "shape": [BATCH, 3, SIZE, SIZE], "seed": seed, "low": -1.7, "high": 1.7}
        x = torch.from_numpy(uniform(picture["shape"], seed, picture["low"], picture["high"]))
        entries = assign_values(net, x)
        logits, loss, exact = gradients(net.double(), x.double())
        net.float()
        worst = lambda runs: {name: max(float(np.linalg.norm(run[name] - g) / np.linalg.norm(g)) for run in runs) for name, g in exact.items()}
        singles = []
        for onednn in (True, False):
            with torch.backends.mkldnn.flags(enabled=onednn):
                singles.append(gradients(net, x)[2])
        off = worst(singles)
        attempts.append(max(off.values()))
        if attempts[-1] >= 2e-5:
            continue
        attempts[-1] = max(worst(list(perturbed_gradients(net, x))).values())
        if attempts[-1] < margin:
            return picture, entries, {"logits": logits, "loss": loss, "gradients": exact, "float32": off, "margin": attempts[-1]}
    raise RuntimeError(f"no input is away from every corner: {attempts}")


def write_network(name: str, flavour: str) -> None:
    torch.manual_seed(0)
    net = NETWORKS[name]().eval()
    if flavour == "folded":
        net = fold_batch_norm(net).eval().requires_grad_()
    elif not any(isinstance(module, nn.BatchNorm2d) for module in net.modules()):
        return
    picture, entries, run = reference(net, np.inf if name in WITHOUT_MARGIN else 2e-4)

    model = export(net, flavour == "kept")
    values = named_values(net)
    initializers = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for key, value in values.items():
        assert np.array_equal(initializers[key], value.detach().numpy()), f"{name}-{flavour}: {key} was changed by the exporter"
    stays = [tensor for tensor in model.graph.initializer if tensor.name not in values]
    del model.graph.initializer[:]
    model.graph.initializer.extend(stays)

    for entry in entries:
        if entry["name"] not in run["gradients"]:
            continue
        gradient = run["gradients"][entry["name"]]
        norm = float(np.linalg.norm(gradient))
        assert norm > 1e-3, f"{name}-{flavour}: next to no gradient reaches {entry['name']}"
        entry["gradient"] = rounded({
            "norm": norm,
            "sum": float(gradient.sum()),
            "projections": projections(gradient, entry["seed"]),
        }) | {"float32": rounded(run["float32"][entry["name"]], 2)}

    (FOLDER / f"{name}-{flavour}.onnx").write_bytes(model.SerializeToString())
    write_json(f"networks/{name}-{flavour}.json", {
        "network": name, "flavour": flavour, "input": picture, "labels": LABELS,
        "loss": rounded(run["loss"]), "logits": rounded(run["logits"].tolist()), "parameters": entries,
    })
    worst = max(entry["gradient"]["float32"] for entry in entries if "gradient" in entry)
    norms = [entry["gradient"]["norm"] for entry in entries if "gradient" in entry]
    operators = sorted({node.op_type for node in model.graph.node})
    print(
        f"{name}-{flavour}: input {picture['seed'] - INPUT_SEED}, loss {run['loss']:.4f}, norms {min(norms):.2g} to {max(norms):.2g}, "
        f"float32 off by at most {worst}, perturbed {run['margin']:.1e}, {' '.join(operators)}",
        flush=True,
    )


def check_network(path) -> None:
    """Rebuilds the model from its fixture; ONNX Runtime must give its logits, and PyTorch over the ONNX graph its gradients."""
    fixture = json.loads(path.read_text())
    model = onnx.load(path.with_suffix(".onnx"))
    entries = {entry["name"]: entry for entry in [fixture["input"], *fixture["parameters"]]}
    values = {name: uniform(e["shape"], e["seed"], e["low"], e["high"]) for name, e in entries.items()}

    feeds = {name: torch.from_numpy(value).double().requires_grad_("gradient" in entries[name]) for name, value in values.items()}
    loss = nn.functional.cross_entropy(onnx_torch.run(model, feeds, torch.float64)["logits"], torch.tensor(fixture["labels"]))
    loss.backward()
    worst = 0.0
    for name, entry in entries.items():
        if "gradient" in entry:
            found = projections(feeds[name].grad.numpy(), entry["seed"])
            off = np.abs(np.subtract(found, entry["gradient"]["projections"])).max() / entry["gradient"]["norm"]
            worst = max(worst, float(off))

    x = values.pop("input")
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    off = float(np.abs(session.run(["logits"], {"input": x})[0] - fixture["logits"]).max())
    loss_off = abs(loss.item() - fixture["loss"])
    print(f"{path.stem}: ONNX Runtime's logits off by {off:.1e}, PyTorch's loss by {loss_off:.1e}, gradients by {worst:.1e}", flush=True)
    assert off < 1e-4 and loss_off < 1e-6 and worst < 1e-5


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    names = sys.argv[1:]
    if names == ["--check"]:
        for path in sorted(FOLDER.glob("*.json")):
            check_network(path)
    else:
        for name in names or NETWORKS:
            for flavour in ("folded", "kept"):
                write_network(name, flavour)
