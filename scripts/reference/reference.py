"""Makes one network's fixture: searches an input, runs PyTorch, writes test/fixtures/networks/NAME.{onnx,json}, and checks the files."""

import json

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch.nn import functional as F

import onnx_torch
from generator import FIXTURES, projections, rounded, uniform, write_json
from oracle import GraphOracle, ModuleOracle, as_type, oracle_for
from zoo.network import INPUT_SEED, Entry, Network, Images, Task, entry_value

ATTEMPTS = 40
PERTURBATIONS = 4
PERTURBATION = 1.5e-6  # of a weight, some ten times the rounding of a float32
ROUNDING = 2e-5  # of PyTorch's float32 run, at most
VANISHES = 1e-9  # of the largest gradient's norm: rounding errors of an exact gradient of zero
LABEL_SEED = 90_000
OUTPUT_SEED = 80_000
FOLDER = FIXTURES / "networks"


def loss_of(name: str, output: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(output, labels) if name == "cross-entropy" else F.mse_loss(output, labels.to(output.dtype))


def gradients(oracle, values: dict, inputs: list[torch.Tensor], labels: torch.Tensor, loss: str, dtype: torch.dtype):
    leaves = {name: value.to(dtype, copy=True).requires_grad_() for name, value in values.items()}
    output = oracle.outputs(leaves, inputs, dtype)
    result = loss_of(loss, output, labels)
    result.backward()
    zero = lambda leaf: np.zeros(leaf.shape)
    return output.detach().numpy(), result.item(), {name: zero(leaf) if leaf.grad is None else leaf.grad.numpy().copy() for name, leaf in leaves.items()}


def perturbed(values: dict):
    """Changes every weight slightly, as if each layer had been rounded differently."""
    for seed in range(PERTURBATIONS):
        generator = torch.Generator().manual_seed(seed)
        yield {name: value * (1 + PERTURBATION * (2 * torch.rand(value.shape, generator=generator) - 1)) for name, value in values.items()}


def vanishing(exact: dict[str, np.ndarray]) -> set[str]:
    """Parameters on which the loss does not depend, such as the bias of an attention's keys."""
    norms = {name: np.linalg.norm(gradient) for name, gradient in exact.items()}
    return {name for name, norm in norms.items() if norm <= VANISHES * max(norms.values())}


def farthest(runs: list[dict], exact: dict[str, np.ndarray]) -> dict[str, float]:
    """The largest relative error of each gradient."""
    zero = vanishing(exact)
    return {name: max(float(np.linalg.norm(run[name] - g) / np.linalg.norm(g)) for run in runs) for name, g in exact.items() if name not in zero}


def attempt(oracle, network: Task, inputs: list[list[Entry]], labels: list) -> tuple[list[dict], float]:
    """The float64 runs, and the errors of other runs due to rounding."""
    values, runs, off = oracle.values(), [], 0.0
    for entries, label in zip(inputs, labels):
        tensors, target = [entry_value(entry) for entry in entries], labels_value(label)
        run = lambda state, dtype: gradients(oracle, state, tensors, target, network.loss, dtype)
        output, loss, exact = run(values, torch.float64)
        singles = []
        for onednn in (True, False):
            with torch.backends.mkldnn.flags(enabled=onednn):
                singles.append(run(values, torch.float32)[2])
        single = farthest(singles, exact)
        runs.append({"inputs": entries, "labels": label, "loss": loss, "output": output, "gradients": exact, "float32": single})
        off = max(off, *single.values())
        if off >= ROUNDING:
            return runs, off
    for entries, label in zip(inputs, labels):
        tensors, target = [entry_value(entry) for entry in entries], labels_value(label)
        exact = runs[inputs.index(entries)]["gradients"]
        off = max(off, *farthest([gradients(oracle, state, tensors, target, network.loss, torch.float32)[2] for state in perturbed(values)], exact).values())
    return runs, off


def search(oracle, network: Task) -> tuple[list[dict], float]:
    """An input, the filled network, and its runs.

    A float32 run may round an activation to the other side of a ReLU's or Clip's corner, or a MaxPool's tie, which changes
    the gradient by 1e-3 and does not show which result is right. So inputs are tried until two float32 runs, which sum in
    different orders, both agree with float64, and so do, to the margin, runs with all weights off by more than a float32 run rounds.
    """
    offs = []
    for number in range(ATTEMPTS):
        inputs = network.inputs.runs(number)
        oracle.fill([entry_value(entry) for entry in inputs[0]])
        runs, off = attempt(oracle, network, inputs, labels_of(network, oracle, inputs))
        if len(runs) == len(inputs) and max(max(run["float32"].values()) for run in runs) < ROUNDING and off < network.margin:
            return runs, off
        offs.append(off)
    raise RuntimeError(f"no input is away from every corner: {offs}")


def labels_of(network: Task, oracle, inputs: list[list[Entry]]) -> list:
    """Classes, or, for other losses, a formula for a target in the output's shape."""
    if network.loss == "cross-entropy":
        return [network.inputs.labels] * len(inputs)
    output = oracle.outputs(oracle.values(), [entry_value(entry) for entry in inputs[0]], torch.float32)
    return [{"name": "labels", "shape": list(output.shape), "seed": LABEL_SEED, "low": -1.0, "high": 1.0}] * len(inputs)


def labels_value(labels) -> torch.Tensor:
    return entry_value(labels) if isinstance(labels, dict) else torch.tensor(labels)


def summary(values: np.ndarray, seed: int) -> dict:
    return rounded({"norm": float(np.linalg.norm(values)), "sum": float(values.sum()), "projections": projections(values, seed)})


def write_network(name: str, network: Network) -> None:
    torch.manual_seed(0)
    net = network.build().eval().requires_grad_()
    first = [entry_value(entry) for entry in network.inputs.runs(0)[0]]
    ModuleOracle(net, {}).fill(first)  # distinguishable values
    model = network.export(net, network.inputs)
    oracle = oracle_for(net, model, first)
    if isinstance(oracle, GraphOracle):
        assert_equal(net, model, first)
    write_fixture(name, network, model, oracle)


def write_model(name: str, source: str, model: onnx.ModelProto) -> None:
    """The fixture of a model that was made elsewhere, for images `input` of a fixed size and scores `logits`."""
    sizes = [dimension.dim_value for dimension in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    inputs = Images(sizes[1], channels_last=sizes[-1] == 3)
    oracle = GraphOracle(model, [entry_value(entry) for entry in inputs.runs(0)[0]], [])
    write_fixture(name, Task(source, inputs), model, oracle)


def write_fixture(name: str, network: Task, model: onnx.ModelProto, oracle: ModuleOracle | GraphOracle) -> None:
    runs, off = search(oracle, network)
    filled = {entry["name"] for entry in oracle.entries}
    stays = [tensor for tensor in model.graph.initializer if tensor.name not in filled]
    del model.graph.initializer[:]
    model.graph.initializer.extend(stays)
    zero = vanishing(runs[0]["gradients"])
    for entry in oracle.entries:
        if entry["name"] in zero:
            entry["vanishes"] = True
        elif entry["name"] in runs[0]["gradients"]:
            entry["gradients"] = [
                summary(run["gradients"][entry["name"]], entry["seed"]) | {"float32": rounded(run["float32"][entry["name"]], 2)} for run in runs
            ]

    network_name, _, flavour = name.partition("-")
    path = FOLDER / f"{name}.json"
    path.with_suffix(".onnx").write_bytes(model.SerializeToString())
    write_json(f"networks/{name}.json", {
        "network": network_name, "flavour": flavour, "source": network.source, "loss": network.loss,
        "oracle": "module" if isinstance(oracle, ModuleOracle) else "graph",
        "runs": [
            {"inputs": run["inputs"], "labels": run["labels"], "loss": rounded(run["loss"]), **output_of(run["output"])} for run in runs
        ],
        "parameters": oracle.entries,
    })
    norms = [g["norm"] for entry in oracle.entries for g in entry.get("gradients", [])]
    operators = sorted({node.op_type for node in model.graph.node})
    print(
        f"{name}: {type(oracle).__name__}, input {attempts_of(runs)}, loss {runs[0]['loss']:.4f}, {len(oracle.entries)} tensors, {len(zero)} of zero, "
        f"norms {min(norms):.2g} to {max(norms):.2g}, "
        f"float32 off by at most {max(max(run['float32'].values()) for run in runs):.1e}, perturbed {off:.1e}, {' '.join(operators)}",
        flush=True,
    )
    check_network(path)


def attempts_of(runs: list[dict]) -> str:
    return " ".join(str(entry["seed"] - INPUT_SEED) for entry in runs[0]["inputs"] if "seed" in entry) or "given"


def output_of(output: np.ndarray) -> dict:
    """Scores in full; maps by numbers that identify them."""
    if output.ndim == 2:
        return {"logits": rounded(output.tolist())}
    return {"output": {"shape": list(output.shape), "seed": OUTPUT_SEED} | summary(output, OUTPUT_SEED)}


def assert_equal(net, model: onnx.ModelProto, inputs: list[torch.Tensor]) -> None:
    """Checks that the exported graph computes the same as the module, so that its gradients are the module's."""
    with torch.no_grad():
        expected = net.double()(*as_type(inputs, torch.float64))
        feeds = dict(zip([value.name for value in model.graph.input], as_type(inputs, torch.float64)))
        found = onnx_torch.run(model, feeds, torch.float64)[model.graph.output[0].name]
    net.float()
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-5), f"the graph is off by {(found - expected).abs().max():.1e}"


def check_network(path) -> None:
    """Rebuilds the model from its fixture; ONNX Runtime must give its outputs, and PyTorch over the ONNX graph its gradients."""
    fixture = json.loads(path.read_text())
    model = onnx.load(path.with_suffix(".onnx"))
    entries = {entry["name"]: entry for entry in fixture["parameters"]}
    values = {name: uniform(e["shape"], e["seed"], e["low"], e["high"]) for name, e in entries.items()}
    output = model.graph.output[0].name
    complete = onnx.ModelProto()
    complete.CopyFrom(model)
    complete.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())
    onnx.checker.check_model(complete, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(complete.SerializeToString(), options, providers=["CPUExecutionProvider"])

    worst = {"ONNX Runtime's outputs": 0.0, "PyTorch's loss": 0.0, "gradients": 0.0}
    for i, run in enumerate(fixture["runs"]):
        inputs = {entry["name"]: entry_value(entry) for entry in run["inputs"]}
        feeds = {name: torch.from_numpy(value).double() for name, value in values.items()}
        for name, value in feeds.items():
            value.requires_grad_("gradients" in entries[name])
        as_double = dict(zip(inputs, as_type(list(inputs.values()), torch.float64)))
        found = onnx_torch.run(model, as_double | feeds, torch.float64)[output]
        loss = loss_of(fixture["loss"], found, labels_value(run["labels"]))
        loss.backward()
        for name, entry in entries.items():
            if "gradients" in entry:
                expected = entry["gradients"][i]
                off = np.abs(np.subtract(projections(feeds[name].grad.numpy(), entry["seed"]), expected["projections"])).max() / expected["norm"]
                worst["gradients"] = max(worst["gradients"], float(off))
        worst["PyTorch's loss"] = max(worst["PyTorch's loss"], abs(loss.item() - run["loss"]))
        single = session.run([output], {name: value.numpy() for name, value in inputs.items()})[0]
        scale = max(1.0, float(found.abs().max()))
        worst["ONNX Runtime's outputs"] = max(worst["ONNX Runtime's outputs"], float(np.abs(single - found.detach().numpy()).max()) / scale)
    print(f"{path.stem}: " + ", ".join(f"{what} off by {off:.1e}" for what, off in worst.items()), flush=True)
    assert worst["ONNX Runtime's outputs"] < 1e-4 and worst["PyTorch's loss"] < 1e-6 and worst["gradients"] < 1e-5
