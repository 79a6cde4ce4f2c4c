"""ONNX Runtime's own on-device training as a contender: the last `onnxruntime-training-cpu`."""

import tempfile
import time
from pathlib import Path

import onnx
import onnxruntime
from onnxruntime.training import artifacts
from onnxruntime.training.api import CheckpointState, Module, Optimizer

from protocol import finite, serve, threads
from steps_data import read_batches


# Building the gradient graph tells of every transformation; errors are enough.
onnxruntime.set_default_logger_severity(3)


class Steps:
    """`prepare` once, then `step` as often as asked."""

    def prepare(self, request: dict) -> dict:
        model = onnx.load(request["files"]["folded"])
        trainable = set(request["trainable"]["folded"])
        sizes = {tensor.name: tensor.dims for tensor in model.graph.initializer}
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            artifacts.generate_artifacts(
                model,
                requires_grad=sorted(trainable),
                frozen_params=sorted(sizes.keys() - trainable),
                loss=artifacts.LossType.CrossEntropyLoss,
                optimizer=artifacts.OptimType.AdamW,
                artifact_directory=name,
            )
            session = onnxruntime.SessionOptions()
            session.intra_op_num_threads = threads()
            self.state = CheckpointState.load_checkpoint(folder / "checkpoint")
            self.module = Module(
                folder / "training_model.onnx", self.state, folder / "eval_model.onnx", session_options=session
            )
            self.optimizer = Optimizer(folder / "optimizer_model.onnx", self.module)
        self.optimizer.set_learning_rate(request["lr"])
        self.module.train()
        self.batches = read_batches(request)
        self.count = 0
        elements = sum(product(sizes[name]) for name in trainable)
        return {"trainable": elements, "version": onnxruntime.__version__}

    def step(self, count: int) -> dict:
        seconds, losses, before = [], [], time.process_time()
        for _ in range(count):
            images, labels = self.batches[self.count % len(self.batches)]
            self.count += 1
            began = time.perf_counter()
            loss = self.module(images, labels)
            self.optimizer.step()
            self.module.lazy_reset_grad()
            losses.append(float(loss))
            seconds.append(time.perf_counter() - began)
        return {"seconds": seconds, "losses": finite(losses), "cpu": time.process_time() - before}


def product(dims) -> int:
    result = 1
    for size in dims:
        result *= size
    return result


steps = Steps()
serve({"prepare": steps.prepare, "step": steps.step})
