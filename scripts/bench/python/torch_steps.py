"""PyTorch as a contender: training steps of one network on batches that are in memory."""

import time

import torch
from torch.nn import functional as F

from networks import adamw, build, fold_batch_norm, set_trainable, train_batch_norm
from protocol import finite, serve, threads
from steps_data import read_batches

torch.set_num_threads(threads())


class Steps:
    """`prepare` once, then `step` on each request."""

    def prepare(self, request: dict) -> dict:
        options = request["options"]
        channels_last = options.get("memoryFormat") == "channels_last"
        layout = torch.channels_last if channels_last else torch.contiguous_format
        net = build(request["model"], request["classes"], request["weights"])
        if options.get("batchNorm") == "folded":
            net = fold_batch_norm(net)
        net = net.to(memory_format=layout)
        parameters = set_trainable(net, request["trainable"]["kept"])
        if options.get("batchNorm") == "training":
            train_batch_norm(net)
        self.net = torch.compile(net) if options.get("compile") else net
        self.optimizer = adamw(parameters, request["lr"], fused=bool(options.get("fusedOptimizer")))
        self.batches = [
            (torch.from_numpy(images).contiguous(memory_format=layout), torch.from_numpy(labels))
            for images, labels in read_batches(request)
        ]
        self.count = 0
        return {"trainable": sum(p.numel() for p in parameters), "version": torch.__version__}

    def step(self, count: int) -> dict:
        seconds, losses, before = [], [], time.process_time()
        for _ in range(count):
            images, labels = self.batches[self.count % len(self.batches)]
            self.count += 1
            began = time.perf_counter()
            self.optimizer.zero_grad(set_to_none=True)
            loss = F.cross_entropy(self.net(images), labels)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
            seconds.append(time.perf_counter() - began)
        return {"seconds": seconds, "losses": finite(losses), "cpu": time.process_time() - before}


steps = Steps()
serve({"prepare": steps.prepare, "step": steps.step})
