"""PyTorch's loss and gradients of an exported network, with the parameters' names and shapes from the ONNX model.

`ModuleOracle` runs the module that was exported. Where an exporter or optimizer computed new weights from the module's (folded
a batch norm, fused projections), no module has these weights, so `GraphOracle` runs the ONNX graph (onnx_torch.py).
Each lists the tensors as `entries`, whose values come from a formula (generator.py).
"""

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.func import functional_call

import onnx_torch
from generator import rounded, uniform

LARGE = 64
PLACES = {"same": lambda value, shape: value.reshape(shape), "transposed": lambda value, shape: value.T.reshape(shape)}


def named_values(net: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters, and running statistics."""
    statistics = {name: value for name, value in net.named_buffers() if "running_" in name.rpartition(".")[2]}
    return dict(net.named_parameters()) | statistics


def is_variance(name: str, value: torch.Tensor) -> bool:
    return name.endswith("running_var") or (name.endswith("weight") and value.dim() == 1)


class ModuleOracle:
    def __init__(self, net: nn.Module, places: dict[str, tuple[str, str, list[int]]]):
        """`places`: for a value of the module, the initializer's name, its layout there, and the initializer's shape."""
        self.net, self.places, self.entries = net, places, []

    def fill(self, inputs: list[torch.Tensor]) -> None:
        """Fills in values by formula. The bound of each weight is chosen in one pass of the inputs so that its layer's outputs have a
        standard deviation of one. Otherwise, deep networks without batch norm would have activations of any size, and gradients that
        prove nothing.
        """
        entries: dict[str, dict] = {}

        def fill(name: str, value: torch.Tensor, low: float, high: float) -> None:
            initializer, place, shape = self.places.get(name, (name, "same", list(value.shape)))
            entry = entries.setdefault(name, {"name": initializer, "shape": shape, "seed": len(entries) + 1})
            entry |= {"low": low, "high": high}
            entries[name] = entry
            filled = torch.from_numpy(uniform(shape, entry["seed"], low, high))
            value.data.copy_(PLACES[place](filled, value.shape))

        values = named_values(self.net)
        for name, value in values.items():
            if is_variance(name, value):
                fill(name, value, 0.5, 1.5)
            elif value.dim() <= 1:
                fill(name, value, -0.2, 0.2)
            else:
                bound = rounded(float(np.sqrt(3 / np.prod(value.shape[1:]))), 4)
                fill(name, value, -bound, bound)

        def normalise(name: str):
            def hook(module, received, output):
                bound = rounded(entries[name]["high"] / output.std().item(), 4)
                fill(name, module.weight, -bound, bound)
                return module.forward(received[0])
            return hook

        names = {id(value): name for name, value in values.items()}
        layers = [module for module in self.net.modules() if isinstance(module, (nn.Conv2d, nn.Linear, nn.ConvTranspose2d))]
        hooks = [module.register_forward_hook(normalise(names[id(module.weight)])) for module in layers if id(module.weight) in names]
        with torch.no_grad():
            self.net.double()(*as_type(inputs, torch.float64))
        for hook in hooks:
            hook.remove()
        self.net.float()
        self.entries = [entry for name, entry in entries.items() if not self.places or name in self.places]

    def values(self) -> dict[str, torch.Tensor]:
        """The values that training changes, by initializer name."""
        changed = {self.places.get(name, (name,))[0] for name, _ in self.net.named_parameters()}
        return {e["name"]: torch.from_numpy(uniform(e["shape"], e["seed"], e["low"], e["high"])) for e in self.entries if e["name"] in changed}

    def outputs(self, values: dict[str, torch.Tensor], inputs: list[torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
        self.net.to(dtype)
        state = {}
        for name, value in self.net.named_parameters():
            initializer, place, _ = self.places.get(name, (name, "same", None))
            state[name] = PLACES[place](values[initializer], value.shape)
        result = functional_call(self.net, state, tuple(as_type(inputs, dtype)))
        self.net.float()
        return result


class GraphOracle:
    def __init__(self, model: onnx.ModelProto, inputs: list[torch.Tensor], untouched: list[torch.Tensor]):
        """`untouched`: values that the module declares constant."""
        self.model, self.output = model, model.graph.output[0].name
        statistics = {name for node in model.graph.node if node.op_type == "BatchNormalization" for name in node.input[3:5]}
        constants = {value.numpy().tobytes() for value in untouched}
        self.entries, self.statistics = [], set(statistics)
        floats = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT}
        # A tensor that repeats one number is the exporter's, because the module's values all differ.
        floats = {name: value for name, value in floats.items() if value.size > 1 and np.ptp(value) > 0 and value.tobytes() not in constants}
        reached = self.reached({name: torch.from_numpy(value.copy()) for name, value in floats.items()}, inputs)
        # A large initializer without influence (folded for a result that no node reads) needs no values.
        idle = [name for name, value in floats.items() if name not in reached and value.size > LARGE]
        self.statistics |= set(idle)
        for name in dict.fromkeys([*reached, *sorted(statistics & set(floats)), *idle]):
            value = floats[name]
            low, high = spread(value)
            self.entries.append({"name": name, "shape": list(value.shape), "seed": len(self.entries) + 1, "low": low, "high": high})

    def reached(self, values: dict[str, torch.Tensor], inputs: list[torch.Tensor]) -> list[str]:
        """Names of the values that the result depends on smoothly. Others (a Resize's scales) must not be changed."""
        leaves = {name: value.double().requires_grad_() for name, value in values.items()}
        self.outputs(leaves, inputs, torch.float64).sum().backward()
        return [name for name, leaf in leaves.items() if leaf.grad is not None]

    def fill(self, inputs: list[torch.Tensor]) -> None:
        """The bounds follow the model's own values, whatever the inputs."""

    def values(self) -> dict[str, torch.Tensor]:
        return {
            e["name"]: torch.from_numpy(uniform(e["shape"], e["seed"], e["low"], e["high"]))
            for e in self.entries if e["name"] not in self.statistics
        }

    def outputs(self, values: dict[str, torch.Tensor], inputs: list[torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
        frozen = [e for e in self.entries if e["name"] in self.statistics]
        state = {e["name"]: torch.from_numpy(uniform(e["shape"], e["seed"], e["low"], e["high"])).to(dtype) for e in frozen}
        feeds = dict(zip([value.name for value in self.model.graph.input], as_type(inputs, dtype)))
        return onnx_torch.run(self.model, feeds | state | values, dtype)[self.output]


def spread(value: np.ndarray) -> tuple[float, float]:
    """Bounds of uniform numbers with a tensor's mean and standard deviation, within the range of its own numbers.

    Folded batch norm makes a few weights large: with their bounds, activations would grow from layer to layer.
    """
    mean, half = float(value.mean()), float(np.sqrt(3) * value.std())
    return rounded(max(mean - half, float(value.min())), 4), rounded(min(mean + half, float(value.max())), 4)


def as_type(tensors: list[torch.Tensor], dtype: torch.dtype) -> list[torch.Tensor]:
    return [value.to(dtype) if value.is_floating_point() else value for value in tensors]


def oracle_for(net: nn.Module, model: onnx.ModelProto, inputs: list[torch.Tensor]) -> ModuleOracle | GraphOracle:
    """The module's oracle if each of its values is an initializer of the model, unchanged or transposed; else the graph's."""
    initializers = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    by_bytes = {value.tobytes(): name for name, value in initializers.items() if value.dtype == np.float32}
    places = {}
    used = used_values(net, inputs)
    for name, value in named_values(net).items():
        if name not in used:
            continue
        array = value.detach().numpy()
        for place, candidate in (("same", array), ("transposed", array.T if array.ndim == 2 else array)):
            found = name if name in initializers and np.array_equal(initializers[name], candidate) else by_bytes.get(np.ascontiguousarray(candidate).tobytes())
            if found is not None and name not in places:
                places[name] = (found, place, list(initializers[found].shape))
    if set(places) == used and len({place[0] for place in places.values()}) == len(places):
        return ModuleOracle(net, places)
    buffers = [value.detach() for name, value in net.named_buffers() if "running_" not in name]
    return GraphOracle(model, inputs, buffers)


def used_values(net: nn.Module, inputs: list[torch.Tensor]) -> set[str]:
    """Names of the module's values that its result depends on."""
    net.zero_grad(set_to_none=True)
    net(*inputs).sum().backward()
    unused = {name for name, parameter in net.named_parameters() if parameter.grad is None}
    net.zero_grad(set_to_none=True)
    return {name for name in named_values(net) if name not in unused}
