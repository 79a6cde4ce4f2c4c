"""Exports the families of the zoo in every way, with PyTorch's gradients: the slow half of the comparison, kept in a folder.

    python scripts/reference/families.py FOLDER [NAME...]    all of them if none is named; a name may be a pattern (bert*)
    python scripts/reference/families.py --list              their names
    python scripts/reference/families.py FOLDER --again      also those that the folder already has
    python scripts/reference/families.py FOLDER --export raw this export only
    npx tsx scripts/reference/families.ts FOLDER             the fast half: Thaw on each of them, and the table in docs/networks.md

FOLDER gets, for each family, NAME.json and NAME.safetensors (what PyTorch computes), and for each export NAME-EXPORT.onnx and
NAME-EXPORT.json (where its initializers come from), with NAME-EXPORT-derived.safetensors if some are derived from parameters.
"""

import argparse
import fnmatch
import json
import logging
import multiprocessing
import re
import sys
import time
import traceback
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors.numpy import load_file, save_file

import exporters
import onnx_torch
from oracle import ModuleOracle, as_type
from origins import Origin, hoisted, origins_of, shaken
from reference import ROUNDING, gradients, loss_of
from zoo import FAMILIES
from zoo.network import Family, entry_value

ATTEMPTS = 5
SECONDS = 600  # for one export
FAITHFUL = 1e-3  # of the outputs' norm


def built(family: Family) -> torch.nn.Module:
    torch.manual_seed(0)
    net = family.build().eval().requires_grad_()
    for module in net.modules():
        # PyTorch gives this row no gradient, which an ONNX file cannot express.
        if isinstance(module, torch.nn.Embedding):
            module.padding_idx = None
    return net


def write_reference(folder: Path, name: str, family: Family) -> None:
    """PyTorch's float64 run on the first of a few inputs for which rounding crosses no corner, or on the best of them."""
    net = built(family)
    oracle = ModuleOracle(net, {})
    oracle.fill([entry_value(entry) for entry in family.inputs.runs(0)[0]])
    state = {key: value.detach().clone() for key, value in net.state_dict().items()}
    best, best_off = None, np.inf
    for number in range(ATTEMPTS):
        runs, off = attempt(oracle, family, number)
        if off < best_off:
            best, best_off = runs, off
        if off < ROUNDING:
            break
    tensors = {f"state/{key}": np.ascontiguousarray(value.numpy()) for key, value in state.items()}
    for i, run in enumerate(best):
        for key, value in run.pop("tensors").items():
            tensors[f"{i}/{key}"] = np.ascontiguousarray(value)
    untrained = {name for name in run_names(tensors) if all(not tensors[f"{i}/gradient/{name}"].any() for i in range(len(best)))}
    save_file(tensors, folder / f"{name}.safetensors")
    parameters = [{"name": key, "shape": list(value.shape), "gradient": key not in untrained} for key, value in net.named_parameters()]
    versions = {module.__name__: module.__version__ for module in (torch, onnx)}
    if family.source in sys.modules:
        versions[family.source] = sys.modules[family.source].__version__
    write(folder / f"{name}.json", {"family": name, "source": family.source, "versions": versions, "runs": best, "parameters": parameters})


def run_names(tensors: dict) -> list[str]:
    return [key.removeprefix("0/gradient/") for key in tensors if key.startswith("0/gradient/")]


def attempt(oracle, family: Family, number: int) -> tuple[list[dict], float]:
    """One run for each input, and the error of PyTorch's own float32."""
    inputs = [*family.inputs.runs(number), family.inputs.exported_run(number)]
    values, runs, worst = oracle.values(), [], 0.0
    shape = oracle.outputs(values, [entry_value(entry) for entry in inputs[0]], torch.float32).shape
    loss = "cross-entropy" if len(shape) == 2 and shape[0] == len(family.inputs.labels) and shape[1] > 7 else "mse"
    for entries in inputs:
        tensors = [entry_value(entry) for entry in entries]
        output = oracle.outputs(values, tensors, torch.float32)
        labels = torch.tensor(family.inputs.labels) if loss == "cross-entropy" else torch.rand(output.shape, generator=torch.Generator().manual_seed(7))
        if not output.isfinite().all():
            raise ValueError("the module's output is not finite")
        exact_output, value, exact = gradients(oracle, values, tensors, labels, loss, torch.float64)
        _, _, single = gradients(oracle, values, tensors, labels, loss, torch.float32)
        off = {key: relative(single[key], exact[key]) for key in exact}
        largest = max(np.linalg.norm(gradient) for gradient in exact.values())
        worst = max([worst, *(off[key] for key in exact if np.linalg.norm(exact[key]) > 1e-9 * largest)])
        stored = {f"input/{entry['name']}": tensor.numpy() for entry, tensor in zip(entries, tensors)} | {"labels": labels.numpy(), "output": exact_output.astype(np.float32)}
        stored |= {f"gradient/{key}": gradient.astype(np.float32) for key, gradient in exact.items()}
        runs.append({"loss": loss, "value": value, "float32": off, "tensors": stored})
    return runs, worst


def relative(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.linalg.norm(found - exact) / (np.linalg.norm(exact) or 1.0))


def write_export(folder: Path, name: str, family: Family, export: str) -> None:
    stored = load_file(folder / f"{name}.safetensors")
    document = json.loads((folder / f"{name}.json").read_text())
    state = {key.removeprefix("state/"): torch.from_numpy(value) for key, value in stored.items() if key.startswith("state/")}

    def module() -> torch.nn.Module:
        net = built(family)
        net.load_state_dict(state)
        return net

    def exported_again() -> onnx.ModelProto:
        other = module()
        shaken(other)
        return exporters.EVERY[export](other, family.inputs)

    net = module()
    model = exporters.EVERY[export](net, family.inputs)
    (folder / f"{name}-{export}.onnx").write_bytes(model.SerializeToString())
    entry = {"opset": model.opset_import[0].version}
    # The last run has the length of the export: some exports are correct for no other.
    last = len(document["runs"]) - 1
    problems = {i: unfaithful(model, i, stored) for i in range(last + 1)}
    usable = [i for i in range(last) if not problems[i]] or [last]
    entry["runs"] = usable
    if problems[usable[0]]:
        write(folder / f"{name}-{export}.json", entry | {"failed": problems[usable[0]]})
        return
    if usable == [last]:
        entry["only as exported"] = problems[0]
    origins = origins_of(model, module(), exported_again)
    derived = [key for key, origin in origins.items() if origin.kind == "derived"]
    if derived:
        entry["derived"] = derived_gradients(folder / f"{name}-{export}-derived.safetensors", model, origins, document["runs"], usable, stored)
    entry["initializers"] = {key: {part: value for part, value in vars(origin).items() if value} for key, origin in origins.items()}
    write(folder / f"{name}-{export}.json", entry)


def unfaithful(model: onnx.ModelProto, run: int, stored: dict) -> str | None:
    """Why the export differs from the module: ONNX Runtime cannot run it on these inputs, or computes other outputs."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        found = session.run(None, {value.name: stored[f"{run}/input/{value.name}"] for value in session.get_inputs()})[0]
    except Exception as error:  # noqa: BLE001 (whatever ONNX Runtime says)
        return f"ONNX Runtime: {str(error).splitlines()[0][:300]}"
    expected = stored[f"{run}/output"]
    if found.shape != expected.shape:
        return f"the export's output is {list(found.shape)}, the module's {list(expected.shape)}"
    off = relative(found, expected)
    return None if off < FAITHFUL else f"the export's output is off by {off:.1e}"


def derived_gradients(path: Path, model: onnx.ModelProto, origins: dict[str, Origin], runs: list[dict], usable: list[int], stored: dict) -> dict:
    """Gradients of initializers that the exporter computed from parameters, by automatic differentiation over the ONNX graph in float64."""
    graph = hoisted(model)
    names = [key for key, origin in origins.items() if origin.kind in ("derived", "parameter")]
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}

    def differentiated(i: int, dtype: torch.dtype) -> tuple[float, dict[str, np.ndarray]]:
        leaves = {key: torch.from_numpy(values[key].copy()).to(dtype).requires_grad_() for key in names}
        feeds = {value.name: torch.from_numpy(stored[f"{i}/input/{value.name}"]) for value in graph.graph.input}
        feeds = dict(zip(feeds, as_type(list(feeds.values()), dtype)))
        output = onnx_torch.run(graph, feeds | leaves, dtype)[graph.graph.output[0].name]
        loss = loss_of(runs[i]["loss"], output, torch.from_numpy(stored[f"{i}/labels"]))
        loss.backward()
        return loss.item(), {key: leaf.grad.numpy() for key, leaf in leaves.items() if origins[key].kind == "derived" and leaf.grad is not None}

    tensors, off = {}, {}
    try:
        for i in usable:
            loss, exact = differentiated(i, torch.float64)
            if not abs(loss - runs[i]["value"]) <= 1e-4 * max(1.0, abs(runs[i]["value"])):
                return {"compared": False, "reason": f"onnx_torch's loss is {loss:.6g}, the module's {runs[i]['value']:.6g}"}
            single = differentiated(i, torch.float32)[1]
            off |= {key: max(off.get(key, 0.0), relative(single[key], exact[key])) for key in exact}
            tensors |= {f"{i}/gradient/{key}": gradient.astype(np.float32) for key, gradient in exact.items()}
    except Exception as error:  # noqa: BLE001 (an operator that onnx_torch lacks, or sizes that it does not take)
        return {"compared": False, "reason": f"{type(error).__name__}: {str(error).splitlines()[0][:200]}" if str(error) else type(error).__name__}
    save_file(tensors, path)
    return {"compared": True, "float32": off}


def said(error: Exception) -> str:
    """One line of an error. PyTorch's exporter wraps the cause in advice."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    cause = text.partition("## Exception summary")[2] or text
    lines = [line.strip() for line in cause.splitlines() if line.strip()] or [""]
    return f"{type(error).__name__}: {lines[0][:300]}"


def write(path: Path, document: dict) -> None:
    path.write_text(json.dumps(document))


def whole(folder: Path, name: str, job, *rest) -> None:
    """Runs a job in a separate process, and writes its result or its error."""
    stem = "-".join([name, *rest])
    path = folder / f"{stem}.json"

    def run() -> None:
        try:
            job(folder, name, FAMILIES[name], *rest)
        except Exception as error:  # noqa: BLE001 (exporters raise anything)
            (folder / f"{stem}.log").write_text(traceback.format_exc())
            write(path, {"failed": said(error)})

    start = time.time()
    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join(SECONDS)
    if process.exitcode is None:
        process.kill()
        process.join()
        write(path, {"failed": f"takes more than {SECONDS} s"})
    elif process.exitcode:
        write(path, {"failed": f"the process ended with {process.exitcode}"})
    document = json.loads(path.read_text())
    print(f"{stem}: {document.get('failed', 'done')} ({time.time() - start:.0f} s)", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("patterns", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--export", action="append", choices=list(exporters.EVERY))
    options = parser.parse_args()
    if options.list or not options.folder:
        print("\n".join(FAMILIES))
        return
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    missing = lambda stem: options.again or not (folder / f"{stem}.json").exists()
    for name in FAMILIES:
        if options.patterns and not any(fnmatch.fnmatch(name, pattern) for pattern in options.patterns):
            continue
        if missing(name):
            whole(folder, name, write_reference)
        if "failed" in json.loads((folder / f"{name}.json").read_text()):
            continue
        for export in options.export or exporters.EVERY:
            if missing(f"{name}-{export}"):
                whole(folder, name, write_export, export)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    main()
