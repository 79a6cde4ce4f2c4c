"""onnxsim's training graphs as a contender: a step as one graph of standard operators, for one batch size."""

import time

import numpy as np
import onnx
import onnxruntime
import onnxsim
from onnx import TensorProto, helper, numpy_helper
from onnxsim.compile_training import compile_training_loop

from protocol import finite, serve, threads
from steps_data import read_batches


class SessionOptions(onnxruntime.SessionOptions):
    """onnxsim creates its own sessions, with one thread per core."""

    def __init__(self) -> None:
        super().__init__()
        self.intra_op_num_threads = threads()


onnxruntime.SessionOptions = SessionOptions


class Steps:
    """`prepare` once, then `step` on each request."""

    def prepare(self, request: dict) -> dict:
        batch, size, classes = request["batch"], request["size"], request["classes"]
        model = onnx.load(request["files"]["folded"])
        model, _ = onnxsim.simplify(model, overwrite_input_shapes={"images": [batch, 3, size, size]})
        write_plainly(model)
        add_loss(model, batch, classes)
        # simplifying may have merged trainable parameters
        initializers = {tensor.name: tensor for tensor in model.graph.initializer}
        names = request["trainable"]["folded"]
        missing = [name for name in names if name not in initializers]
        if missing:
            raise ValueError(f"onnxsim.simplify left no parameter {missing[0]}")
        self.loop = compile_training_loop(model, "loss", names)
        self.lr = request["lr"]
        rows = np.eye(classes, dtype=np.float32)
        self.batches = [{"images": images, "labels": rows[labels]} for images, labels in read_batches(request)]
        self.count = 0
        elements = sum(numpy_helper.to_array(initializers[name]).size for name in names)
        return {"trainable": elements, "version": f"{onnxsim.__version__} on onnxruntime {onnxruntime.__version__}"}

    def step(self, count: int) -> dict:
        seconds, losses, before = [], [], time.process_time()
        for _ in range(count):
            feeds = self.batches[self.count % len(self.batches)]
            self.count += 1
            began = time.perf_counter()
            losses.append(float(self.loop(feeds, self.lr)))
            seconds.append(time.perf_counter() - began)
        return {"seconds": seconds, "losses": finite(losses), "cpu": time.process_time() - before}


def write_plainly(model: onnx.ModelProto) -> None:
    """Replaces `Constant` by an initializer and `Flatten` by a `Reshape`: onnxsim's training has no rule for either."""
    graph = model.graph
    nodes = []
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            graph.initializer.append(node.attribute[0].t)
            graph.initializer[-1].name = node.output[0]
        elif node.op_type == "Flatten":
            rows = numpy_helper.from_array(np.array([0, -1], dtype=np.int64), f"{node.output[0]}_shape")
            graph.initializer.append(rows)
            nodes.append(helper.make_node("Reshape", [node.input[0], rows.name], node.output, name=node.name))
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


def add_loss(model: onnx.ModelProto, batch: int, classes: int) -> None:
    """Makes mean cross-entropy with one-hot `labels` the only output, built from operators that onnxsim differentiates."""
    graph = model.graph
    logits = graph.output[0].name
    graph.initializer.append(numpy_helper.from_array(np.float32(-1 / batch), "loss_factor"))
    graph.node.extend(
        [
            helper.make_node("Softmax", [logits], ["loss_probabilities"], axis=1),
            helper.make_node("Log", ["loss_probabilities"], ["loss_logarithms"]),
            helper.make_node("Mul", ["loss_logarithms", "labels"], ["loss_chosen"]),
            helper.make_node("ReduceSum", ["loss_chosen"], ["loss_sum"], keepdims=0),
            helper.make_node("Mul", ["loss_sum", "loss_factor"], ["loss"]),
        ]
    )
    graph.input.append(helper.make_tensor_value_info("labels", TensorProto.FLOAT, [batch, classes]))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("loss", TensorProto.FLOAT, []))


steps = Steps()
serve({"prepare": steps.prepare, "step": steps.step})
