"""Runs the written app's own client and strategy in this process: two clients' rounds, their average, and one more stage's state.

usage: federated.py APP DATA_OF_CLIENT_0 DATA_OF_CLIENT_1
"""

import json
import sys
import tomllib
from pathlib import Path

import numpy as np
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.supercore.task_identity import TaskIdentity

# As an app that Flower runs has them.
TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1

app, *folders = sys.argv[1:]
sys.path.insert(0, app)
from thaw_federated import client_app, server_app  # noqa: E402


def flat(table, prefix=""):
    for key, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


project = tomllib.loads((Path(app) / "pyproject.toml").read_text())
config = dict(flat(project["tool"]["flwr"]["app"]["config"]))
first, second = server_app.stages_of(config)
out = Path(config["out"])
out.mkdir(parents=True)
state = out / "state.safetensors"
arrays, metadata = server_app.grown(config, first, state)


class Nodes:
    """Two clients, as a strategy asks for them."""

    def get_node_ids(self):
        return [0, 1]


def exchange(message, folder, handle):
    context = Context(1, message.metadata.dst_node_id, {"data": folder}, RecordDict(), config)
    return handle(message, context)


def rounds(config, arrays, number):
    """A round of training of both clients: their replies, and what the strategy makes of them."""
    strategy = server_app.strategy_of(config)
    sent = ConfigRecord({
        "state": json.dumps(metadata), "settings": server_app.settings_of(config, first), "epoch": 0, "epochs": 1,
    })
    messages = list(strategy.configure_train(number, arrays, sent, Nodes()))
    # A message knows its run once a grid has sent it.
    for message in messages:
        message.metadata._run_id, message.metadata._message_id = 1, "1"
    replies = [exchange(message, folders[message.metadata.dst_node_id], client_app.train) for message in messages]
    return replies, strategy.aggregate_train(number, replies)


replies, (mean, metrics) = rounds(config, arrays, 1)
counts = [reply.content["metrics"]["num-examples"] for reply in replies]
states = [{k: a.numpy().astype(np.float64) for k, a in reply.content["arrays"].items()} for reply in replies]
exact = {k: sum(n * s[k] for n, s in zip(counts, states)) / sum(counts) for k in states[0]}
_, (prox, _) = rounds({**config, "strategy": "fedprox", "proximal-mu": 10.0}, arrays, 1)
_, (adam, _) = rounds({**config, "strategy": "fedadam"}, arrays, 1)
moved = lambda after: float(sum(np.square(after[k].numpy() - arrays[k].numpy()).sum() for k in arrays) ** 0.5)
server_app.write_state(state, mean, {**metadata, "epoch": "1", "rounds": "1"})
wider, after = server_app.grown(config, second, state)
print(json.dumps({
    "counts": counts,
    "first": sorted(arrays),
    "difference": max(float(np.abs(mean[k].numpy() - exact[k]).max()) for k in exact),
    "apart": max(float(np.abs(states[0][k] - states[1][k]).max()) for k in exact),
    "loss": metrics["loss"],
    "moved": [moved(mean), moved(prox)],
    "types": sorted({str(a.dtype) for a in adam.values()}),
    "wider": sorted(wider),
    "kept": all(np.array_equal(wider[k].numpy(), mean[k].numpy()) for k in mean),
    "metadata": {k: after[k] for k in ("epoch", "rounds", "source")},
}))
