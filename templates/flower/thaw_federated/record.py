"""What became of every round: `record.jsonl`, of which `thaw federated finish` makes the report."""

import json
import os
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import numpy as np
from flwr.app import ArrayRecord, Message, MetricRecord

try:
    import fcntl
except ImportError:
    # Windows has no such locks.
    fcntl = None


class Record:
    """Lines of JSON: a `sitting` whenever the server starts, each `round`, each `evaluation`."""

    def __init__(self, path: Path, rounds: int):
        """Of a federation whose state has so many rounds in it: a later one is done again."""
        self.path = path
        lines = read_lines(path)
        kept = [line for line in lines if line.get("round", 0) <= rounds]
        self.evaluated = any(line["type"] == "evaluation" and line["round"] == rounds for line in kept)
        # A line that was cut off ends here, too.
        path.write_text("".join(json.dumps(line) + "\n" for line in kept))

    def write(self, kind: str, **facts) -> None:
        """Adds a line, which is on the disk when this returns."""
        line = {"type": kind, "time": datetime.now(UTC).isoformat(timespec="seconds"), **facts}
        with open(self.path, "a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())


def take_lock(folder: Path) -> IO:
    """Of a folder that one run at a time writes, until its process ends. Returns what must stay open."""
    file = open(folder / ".lock", "w")
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RuntimeError(f"another run writes {folder}: wait for it, or end it (flwr list, flwr stop)") from None
    return file


def read_lines(path: Path) -> list[dict]:
    """All whole lines."""
    lines = []
    for text in path.read_text().splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(text))
        except ValueError:
            pass
    return lines


class Exchange:
    """Messages to clients and what came back: who answered with what, who did not and why."""

    def __init__(self, messages: Iterable[Message], names: dict[int, str]):
        self.messages = list(messages)
        self.names = names
        self.began = time.monotonic()
        self.seconds = 0.0
        self.clients: list[dict] = []

    def close(self, replies: Iterable[Message], like: ArrayRecord | None = None) -> list[Message]:
        """
        Notes all replies. Returns those that can be averaged.

        @param like: the arrays that a reply must have, by name and shape
        """
        self.seconds = time.monotonic() - self.began
        replies = {reply.metadata.reply_to_message_id: reply for reply in replies}
        usable = []
        for message in self.messages:
            node = message.metadata.dst_node_id
            client = {"client": str(node), "down": size_of(message)}
            if self.names.get(node):
                client["name"] = self.names[node]
            reply = replies.get(message.metadata.message_id)
            why = fault_of(reply, like)
            if why is None:
                usable.append(reply)
                client |= {"up": size_of(reply), **scores_of(reply)}
            else:
                client |= {"dropped": why}
            self.clients.append(client)
        return with_common_metrics(usable)


def size_of(message: Message) -> int:
    """Bytes of a message's records, as Flower counts them."""
    return sum(record.count_bytes() for record in message.content.values())


def fault_of(reply: Message | None, like: ArrayRecord | None) -> str | None:
    """Why a reply cannot be averaged."""
    if reply is None:
        return "gave no answer in time"
    if reply.has_error():
        return plain(reply.error.reason)
    content = reply.content
    if len(content.metric_records) != 1:
        return "answered without its metrics"
    examples = next(iter(content.metric_records.values())).get("num-examples")
    if not isinstance(examples, int | float) or not examples > 0:
        return "answered without a number of examples"
    if like is None:
        return None
    if len(content.array_records) != 1:
        return "answered without the state"
    arrays = next(iter(content.array_records.values()))
    for name in like.keys() | arrays.keys():
        if name not in arrays or name not in like:
            return f'answered with a state that {"has" if name in arrays else "lacks"} "{name}"'
        if arrays[name].shape != like[name].shape:
            return f'answered with "{name}" in another shape'
        if not np.isfinite(arrays[name].numpy()).all():
            return f'answered with values in "{name}" that are no numbers'
    return None


def plain(reason: str) -> str:
    """What a client's error says, as one line without Python's wrapping: `<class 'RuntimeError'>:<'…'>`."""
    line = " ".join(reason.split())
    raised = re.fullmatch(r"<class '[\w.]+'>:<(['\"]?)(.*)\1>", line)
    return raised[2].removeprefix("thaw: ") if raised else line


def scores_of(reply: Message) -> dict:
    """Examples and scores: of training, and those named `val-…` of the state that was sent."""
    metrics = dict(next(iter(reply.content.metric_records.values())))
    examples = metrics.pop("num-examples")
    val = {name.removeprefix("val-"): value for name, value in metrics.items() if name.startswith("val-")}
    train = {name: value for name, value in metrics.items() if not name.startswith("val-")}
    return {"examples": examples} | ({"train": train} if train else {}) | ({"val": val} if val else {})


def with_common_metrics(replies: list[Message]) -> list[Message]:
    """Flower averages metrics that all replies have; what some lack is left out."""
    records = [next(iter(reply.content.metric_records.items())) for reply in replies]
    common = set.intersection(*(set(metrics) for _, metrics in records)) if records else set()
    for reply, (name, metrics) in zip(replies, records, strict=True):
        reply.content[name] = MetricRecord({key: value for key, value in metrics.items() if key in common})
    return replies


def mean_of(clients: list[dict], part: str) -> dict[str, float]:
    """The mean of what clients measured, by their examples."""
    parts = [client[part] for client in clients if part in client]
    weights = [client[part].get("examples", client["examples"]) for client in clients if part in client]
    names = set.intersection(*(set(scores) for scores in parts)) - {"examples"} if parts else set()
    return {
        name: sum(w * scores[name] for w, scores in zip(weights, parts, strict=True)) / sum(weights) for name in sorted(names)
    }


def told(what: str, clients: list[dict], part: str) -> None:
    """Prints a line of it, and one for each client that is not in it."""
    answered = [client for client in clients if "dropped" not in client]
    scores = "  ".join(f"{name} {value:.4g}" for name, value in mean_of(answered, part).items())
    print(f"{what}: {len(answered)} of {len(clients)} clients   {scores}", flush=True)
    for client in clients:
        if "dropped" in client:
            print(f"  without {client.get('name', client['client'])}: {client['dropped']}", flush=True)
