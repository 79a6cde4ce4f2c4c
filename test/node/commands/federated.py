"""Runs the client and the strategy of the app in this process: rounds of two clients, their average, and the state of one more stage.

usage: federated.py APP DATA_OF_CLIENT_0 DATA_OF_CLIENT_1
"""

import json
import sys
import tomllib
from pathlib import Path

import numpy as np
from flwr.app import Context, Message, RecordDict
from flwr.proto.node_pb2 import NodeInfo
from flwr.supercore.task_identity import TaskIdentity

# Flower sets these for an app that it runs.
TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1

app, *folders = sys.argv[1:]
sys.path.insert(0, app)
from thaw_federated import client_app, exchange, record, server_app  # noqa: E402
from thaw_federated.states import write_state  # noqa: E402


def flat(table, prefix=""):
    for key, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


project = tomllib.loads((Path(app) / "pyproject.toml").read_text())
config = dict(flat(project["tool"]["flwr"]["app"]["config"]))
# The plain mean. Tests of the guard and the limits set their own values.
plain = {**config, "guard": "none", "count-factor": 0}
first, second = server_app.stages_of(config)
out = Path(config["out"])
out.mkdir(parents=True)
state = out / "state.safetensors"
arrays, metadata = server_app.grown(config, first, state)


class Nodes:
    """A stub of Flower's client manager with two clients."""

    def get_node_ids(self):
        return [7, 8]

    def get_nodes(self):
        return [NodeInfo(node_id=7, name="near"), NodeInfo(node_id=8)]


def answered(message, folder, handle):
    context = Context(1, message.metadata.dst_node_id, {"data": folder}, RecordDict(), config)
    return handle(message, context)


def copy_of(reply, i=0):
    """Strategies change the replies that they receive, so each gets a copy."""
    copy = Message(RecordDict(dict(reply.content)), reply_to=reply)
    copy.metadata._reply_to_message_id = str(i)
    return copy


def rounds(config, arrays, number, replies=None):
    """Trains both clients for a round, unless `replies` are given. Returns the strategy, the replies and their aggregate."""
    strategy = server_app.strategy_for(config)
    sent = server_app.message_config(config, first, metadata)
    # Flower messages the nodes in a random order.
    messages = sorted(strategy.configure_train(number, arrays, sent, Nodes()), key=lambda message: message.metadata.dst_node_id)
    # A grid sets these when it sends a message.
    for i, message in enumerate(messages):
        message.metadata._run_id, message.metadata._message_id = 1, str(i)
    replies = replies or [answered(*pair, client_app.train) for pair in zip(messages, folders, strict=True)]
    return strategy, replies, strategy.aggregate_train(number, [copy_of(reply, i) for i, reply in enumerate(replies)])


strategy, replies, (mean, metrics) = rounds(plain, arrays, 1)
counts = [reply.content["metrics"]["num-examples"] for reply in replies]
states = [{k: a.numpy().astype(np.float64) for k, a in reply.content["arrays"].items()} for reply in replies]
exact = {k: sum(n * s[k] for n, s in zip(counts, states)) / sum(counts) for k in states[0]}
_, _, (prox, _) = rounds({**plain, "strategy": "fedprox", "proximal-mu": 10.0}, arrays, 1)
_, _, (adam, _) = rounds({**plain, "strategy": "fedadam"}, arrays, 1, replies)
moved = lambda after: float(sum(np.square(after[k].numpy() - arrays[k].numpy()).sum() for k in arrays) ** 0.5)
write_state(state, mean, {**metadata, "epoch": "1", "rounds": "1"})
wider, after = server_app.grown(config, second, state)


like = {k: a.numpy() for k, a in arrays.items()}
sent = sorted(strategy.exchange.messages, key=lambda message: message.metadata.dst_node_id)
few = server_app.strategy_for(config)
few.sent, few.exchange = like, exchange.Exchange(sent, {})
try:
    few.aggregate_train(1, [copy_of(replies[0])])
    refused = None
except RuntimeError as error:
    refused = str(error)
_, _, (clipped, _) = rounds({**config, "noise-multiplier": 1e-6, "clipping-norm": 0.001}, arrays, 1, replies)
# The record: a round that is missing in the state is repeated.
lines = record.Record(out / "record.jsonl", 0)
clients = sorted(strategy.exchange.clients, key=lambda client: client["client"])
settings = json.loads(server_app.settings_of(config, first))
lines.write("sitting", model=config["model"], strategy={"name": "fedavg"}, flower="1.42", rounds=0)
for number in (1, 2):
    lines.write("round", round=number, stage=1, settings=settings, seconds=1.5, clients=clients)
with open(lines.path, "a") as file:
    file.write('{"type": "round", "rou')
again = record.Record(out / "record.jsonl", 1)
again.write("evaluation", round=1, seconds=0.5, clients=[
    {"client": "7", "name": "near", "examples": 4, "val": {"examples": 4, "loss": 0.5, "accuracy": 0.75}, "down": 100, "up": 10},
    {"client": "8", "dropped": "gave no answer in time", "down": 100},
])


print(json.dumps({
    "few": refused,
    "clipped": moved(clipped),
    "clients": clients,
    "lines": [[line["type"], line.get("round")] for line in record.read_lines(again.path)],
    "evaluated": [again.evaluated, record.Record(again.path, 1).evaluated],
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
