"""ONNX Runtime's own on-device training as a contender: the last `onnxruntime-training-cpu`."""

import tempfile
import time
from pathlib import Path

import onnxruntime
from onnxruntime.training.api import CheckpointState, Module, Optimizer

from ort_artifacts import write_artifacts
from protocol import finite, serve, threads
from steps_data import read_batches


class Steps:
    """`prepare` once, then `step` on each request."""

    def prepare(self, request: dict) -> dict:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            trainable = set(request["trainable"]["folded"])
            elements = write_artifacts(request["files"]["folded"], folder, trainable)
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


steps = Steps()
serve({"prepare": steps.prepare, "step": steps.step})
