"""
Gives answers of hostile clients to the strategies of the app, in this process. Prints the reason for which each was dropped, and the means.
Needs Flower, but neither Thaw nor data.

usage: hostile_clients.py APP FOLDER
"""

import json
import sys
import tomllib
from pathlib import Path

import numpy as np

app, folder = sys.argv[1:]
sys.path.insert(0, app)
from thaw_federated import checks  # noqa: E402

without_flower = "flwr" not in sys.modules

from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, MetricRecord, RecordDict  # noqa: E402
from flwr.supercore.task_identity import TaskIdentity  # noqa: E402

# Flower sets these for an app that it runs.
TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
from thaw_federated import exchange, server_app, states  # noqa: E402


def flat(table, prefix=""):
    for key, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


project = tomllib.loads((Path(app) / "pyproject.toml").read_text())
config = dict(flat(project["tool"]["flwr"]["app"]["config"]))
random = np.random.default_rng(7)
like = {"fc.weight": random.normal(size=(3, 4)).astype(np.float32), "fc.bias": np.zeros(3, np.float32)}
trained = [{k: v + random.normal(scale=0.1, size=v.shape).astype(np.float32) for k, v in like.items()} for _ in range(2)]
for state in trained:
    # Variances are not negative.
    state["fc.bias"] = np.abs(state["fc.bias"])
sent = [Message(RecordDict({}), dst_node_id=7 + i, message_type="train") for i in range(3)]
for i, message in enumerate(sent):
    # A grid sets these when it sends a message.
    message.metadata._run_id, message.metadata._message_id = 1, str(i)


def honest(i, state=None):
    """A correct answer to message i."""
    arrays = ArrayRecord({name: Array(values) for name, values in trained[min(i, 1)].items()})
    metrics = MetricRecord({"num-examples": [9, 7, 7][i], "loss": 0.5, "val-examples": 4, "val-loss": 1.0})
    return Message(RecordDict({"arrays": arrays, "metrics": metrics}), reply_to=sent[i])


def moved(after):
    return float(sum(np.square(after[k].numpy() - like[k]).sum() for k in like) ** 0.5)


def broken(change, **more):
    """Applies `change` to the second of two replies. Returns why each was dropped, and whether the mean equals the first state."""
    good, bad = honest(0), change(honest(1))
    strategy = server_app.strategy_for({**config, "min-clients": 1, **more})
    strategy.sent, strategy.exchange = like, exchange.Exchange(sent[:2], {})
    strategy.variances = {"fc.bias"} if "variance" in more else set()
    alone, _ = strategy.aggregate_train(1, [good, bad] if bad else [good])
    same = all(np.array_equal(alone[k].numpy(), trained[0][k]) for k in alone)
    return [client.get("dropped") for client in strategy.exchange.clients], same


def with_arrays(reply, **changed):
    reply.content["arrays"] = ArrayRecord({k: changed.get(k, v) for k, v in reply.content["arrays"].items()})
    return reply


def with_bias(values, **declared):
    """Replaces fc.bias. `declared` sets attributes of its array, such as a wrong shape."""

    def change(reply):
        array = Array(values)
        for name, value in declared.items():
            setattr(array, name, value)
        return with_arrays(reply, **{"fc.bias": array})

    return change


def with_metrics(**changed):
    def change(reply):
        metrics = {**reply.content["metrics"], **{name.replace("_", "-"): value for name, value in changed.items()}}
        # A client can send such values as bytes, but the constructor of MetricRecord refuses them.
        record = MetricRecord({})
        record.__dict__["_data"] = {name: value for name, value in metrics.items() if value is not None}
        reply.content["metrics"] = record
        return reply

    return change


def failed(reply):
    error = Error(2, "<class 'RuntimeError'>:<'thaw: the state\x1b[2J is of another model. Give that one'>")
    return Message(error, reply_to=sent[1])


def with_record(kind):
    def change(reply):
        reply.content["more"] = kind
        return reply

    return change


bias = trained[1]["fc.bias"]
def with_extra(reply):
    reply.content["arrays"] = ArrayRecord({**reply.content["arrays"], "\x1b[2J": Array(bias)})
    return reply


header = b"\x93NUMPY\x01\x00"
huge = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}\n"
faults = {
    "none": broken(lambda reply: None),
    "failed": broken(failed),
    "shape": broken(with_bias(bias[:2])),
    "declared": broken(with_bias(np.stack([bias] * 5), shape=bias.shape)),
    "type": broken(with_bias(bias.astype(np.float64))),
    "type declared": broken(with_bias(bias.astype(np.int32), dtype="float32")),
    "nan": broken(with_bias(bias * np.float32(np.nan))),
    "variance": broken(with_bias(-np.abs(bias) - 1), variance=True),
    "garbage": broken(with_bias(bias, data=b"garbage")),
    "empty": broken(with_bias(bias, data=b"")),
    "huge": broken(with_bias(bias, data=header + len(huge).to_bytes(2, "little") + huge)),
    "deep": broken(with_bias(bias, data=header + (5000).to_bytes(2, "little") + b"(" * 5000)),
    "short": broken(with_bias(bias, data=Array(bias).data[:-1])),
    "pickle": broken(with_bias(bias, data=header + len(huge).to_bytes(2, "little") + huge.replace(b"<f4", b"|O "))),
    "written": broken(with_bias(bias, stype="torch.\x1b[2J")),
    "count inf": broken(with_metrics(num_examples=float("inf"))),
    "count nan": broken(with_metrics(num_examples=float("nan"))),
    "count text": broken(with_metrics(num_examples="9")),
    "count list": broken(with_metrics(num_examples=[9])),
    "count below": broken(with_metrics(num_examples=-9)),
    "count part": broken(with_metrics(num_examples=0.5)),
    "count missing": broken(with_metrics(num_examples=None)),
    "held": broken(with_metrics(val_examples=float("inf"))),
    "score inf": broken(with_metrics(loss=float("inf"))),
    "score huge": broken(with_metrics(loss=1e300)),
    "score huge int": broken(with_metrics(loss=10**400)),
    "score text": broken(with_metrics(loss="\x1b[2J")),
    "score list": broken(with_metrics(loss=[1.0] * 1000)),
    "score name": broken(with_metrics(**{"\x1b]0;owned\x07": 1.0})),
    "scores": broken(with_metrics(**{f"m{i}": 1.0 for i in range(100)})),
    "records": broken(with_record(MetricRecord({"loss": 1.0}))),
    "states": broken(with_record(ArrayRecord({}))),
    "extra": broken(with_extra),
}


# Flower averages only metrics that all clients have. Thaw's own means skip missing and NaN values of single clients.
both = exchange.Exchange(sent[:2], {}).close([honest(0), with_metrics(loss=float("nan"), more=1.0)(honest(1))], like)
common = exchange.replies_of(both)
means = checks.mean_of([answer.metrics for answer in both], [1, 1])


def guarded(change, **more):
    """Averages two honest clients and one with `change`, behind the guard. Returns how far the mean moved, and the record of the third."""
    given = [honest(0), honest(1), change(honest(2))]
    strategy = server_app.strategy_for({**config, **more})
    strategy.sent, strategy.exchange = like, exchange.Exchange(sent, {9: "\x1b[2Jodd\u202e"})
    after, _ = strategy.aggregate_train(1, given)
    last = strategy.exchange.clients[2]
    return {"moved": moved(after), **{k: last.get(k) for k in ("name", "claimed", "examples", "clipped", "dropped")}}


def far(reply):
    return with_arrays(reply, **{k: Array((like[k] + np.float32(1e30))) for k in like})


guards = {
    "honest": guarded(lambda reply: reply),
    "count": guarded(with_metrics(num_examples=10**18)),
    "count unlimited": guarded(with_metrics(num_examples=10**18), **{"count-factor": 0}),
    "far": guarded(far),
    "far median": guarded(far, guard="median"),
    "far unlimited": guarded(far, guard="none"),
}
lengths = [checks.distance(state, like) for state in trained]


def refusal(**more):
    try:
        server_app.strategy_for({**config, **more})
    except ValueError as error:
        return str(error)


refusals = [
    refusal(guard="trust"),
    refusal(**{"clip-factor": 0}),
    refusal(**{"count-factor": 0.5}),
    refusal(**{"noise-multiplier": float("nan")}),
    refusal(guard="median", **{"noise-multiplier": 1.0}),
    refusal(strategy="fedadam", **{"noise-multiplier": 1.0}),
]


class Unreadable:
    """A grid that cannot decode the second answer. As in Flower, all answers pulled in the same call are lost then."""

    pull_interval = 0.01

    def get_nodes(self):
        return []

    def get_node_ids(self):
        return []

    def push_messages(self, messages):
        return [message.metadata.message_id for message in messages]

    def pull_messages(self, ids):
        if "1" in ids:
            raise ValueError("Expecting value: \x1b[2J")
        return [honest(0) for id in ids if id == "0"]


careful = exchange.CarefulGrid(Unreadable()).send_and_receive(sent[:2], timeout=5)
read = exchange.Exchange(sent[:2], {})
unreadable = [len(read.close(careful, like)), [client.get("dropped") for client in read.clients]]

# Noise only. Its standard deviation is multiplier · norm · largest weight.
private = server_app.strategy_for({**config, "noise-multiplier": 1e6, "clipping-norm": 1e-3})
private.sent, private.exchange = like, exchange.Exchange(sent[:2], {})
wide = {"fc.weight": np.zeros((3, 4), np.float32), "fc.bias": np.zeros(30_000, np.float32)}
answers = private.exchange.close([honest(0), honest(1)], like)
noise = private.guard.noised(wide, answers)["fc.bias"]

# The states of earlier rounds.
state = Path(folder) / "state.safetensors"
arrays = honest(0).content["arrays"]
for number in range(1, 5):
    states.keep_state(state, arrays, {"rounds": str(number)}, 2)
kept = sorted(states.kept_states(state))
states.forget_after(state, 3)

print(json.dumps({
    "without flower": without_flower,
    "kept states": [kept, sorted(states.kept_states(state)), server_app.rounds_in(state)],
    "guards": guards,
    "lengths": lengths,
    "refusals": refusals,
    "unreadable": unreadable,
    "means": means,
    "common": [sorted(reply.content["metrics"]) for reply in common],
    "noise": float(noise.std()),
    "faults": faults,
}))
