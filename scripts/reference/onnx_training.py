"""Writes test/fixtures/onnx-training.json: the cases with few numbers for losses and optimizers from ONNX's own operator tests."""

import numpy as np
import onnx
from onnx.backend.test.case.node import collect_testcases

from generator import write_json

LOSSES = {"SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss"}
OPTIMIZERS = {"Adagrad", "Adam", "Momentum"}
MOST = 200


def written(name, array):
    array = np.asarray(array)
    values = [float(np.float32(v)) if array.dtype == np.float32 else int(v) for v in array.ravel()]
    return {"name": name, "type": str(array.dtype), "shape": list(array.shape), "values": values}


def attribute(given):
    value = onnx.helper.get_attribute_value(given)
    return value.decode() if isinstance(value, bytes) else value


if __name__ == "__main__":
    np.random.seed(0)
    cases = []
    for case in collect_testcases(None):
        nodes = case.model.graph.node
        if len(nodes) != 1 or nodes[0].op_type not in LOSSES | OPTIMIZERS:
            continue
        [(inputs, outputs)] = case.data_sets
        if sum(np.size(array) for array in [*inputs, *outputs]) > MOST:
            continue
        names = [name for name in nodes[0].input if name]
        cases.append({
            "name": case.name,
            "operator": nodes[0].op_type,
            "attributes": {a.name: attribute(a) for a in nodes[0].attribute},
            "inputs": [written(*pair) for pair in zip(names, inputs, strict=True)],
            # The gradients of losses are compared with finite differences.
            "outputs": [written(*pair) for pair in zip(nodes[0].output, outputs, strict=True)] if nodes[0].op_type in OPTIMIZERS else list(nodes[0].output),
        })
    path = write_json("onnx-training.json", {"onnx": onnx.__version__, "cases": cases})
    print(f"{path}: {len(cases)} cases, {path.stat().st_size} bytes")
