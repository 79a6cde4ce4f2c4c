"""A round's messages: who answered with what, who did not and why."""

import re
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
from flwr.app import ArrayRecord, Error, Message, MetricRecord
from flwr.supercore.error import FlowerError

from .checks import Fault, array_in, check_values, count_in, line_of, scores_in
from .states import array_of

# Flower's number for an answer that is not there.
UNREADABLE = 2


class CarefulGrid:
    """
    A grid that takes one answer at a time. Flower makes objects of the bytes of all answers in one go: one that cannot be read ends the
    server, and the others are lost with it. Here it is an error of its client.
    """

    def __init__(self, grid):
        self.grid = grid
        self.get_nodes, self.get_node_ids = grid.get_nodes, grid.get_node_ids

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """As a grid does it."""
        messages = list(messages)
        ids = list(self.grid.push_messages(messages))
        waiting = {id: message for id, message in zip(ids, messages, strict=True) if id}
        end = time.monotonic() + (timeout or float("inf"))
        replies = []
        while waiting and time.monotonic() < end:
            for id in list(waiting):
                if reply := self.pull(id, waiting[id]):
                    replies.append(reply)
                    del waiting[id]
            if waiting:
                time.sleep(getattr(self.grid, "pull_interval", 3))
        return replies

    def pull(self, id: str, message: Message) -> Message | None:
        """The answer to a message, if there is one."""
        try:
            reply = next(iter(self.grid.pull_messages([id])), None)
        except (httpx.HTTPError, FlowerError, OSError):
            # Of the SuperLink or the way to it, not of a client.
            raise
        except Exception as error:
            why = f"gave an answer that cannot be read: {type(error).__name__} {line_of(error, 120)}"
            return Message(Error(UNREADABLE, why), reply_to=message)
        if reply is not None:
            # A client writes itself what its answer is to.
            reply.metadata.__dict__["_reply_to_message_id"] = id
        return reply


@dataclass
class Answer:
    """A reply that counts, its line in the record, and the arrays in it."""

    reply: Message
    client: dict[str, Any]
    arrays: dict[str, np.ndarray]

    @property
    def metrics(self) -> dict[str, float]:
        """By the names that they have in a message."""
        val = {f"val-{name}": value for name, value in self.client.get("val", {}).items()}
        return {**self.client.get("train", {}), **val}


class Exchange:
    """Messages to clients and what came back."""

    def __init__(self, messages: Iterable[Message], names: dict[int, str]):
        self.messages = list(messages)
        self.names = names
        self.began = time.monotonic()
        self.seconds = 0.0
        self.clients: list[dict] = []

    def close(
        self, replies: Iterable[Message], like: dict[str, np.ndarray] | None = None, variances: Collection[str] = ()
    ) -> list[Answer]:
        """
        Notes all replies. Returns those that count.

        @param like: the arrays that a reply must have
        @param variances: those of them that cannot be below zero
        """
        self.seconds = time.monotonic() - self.began
        replies = {reply.metadata.reply_to_message_id: reply for reply in replies}
        answers = []
        for message in self.messages:
            node = message.metadata.dst_node_id
            client = {"client": str(node), "down": size_of(message)}
            if self.names.get(node):
                client["name"] = line_of(self.names[node], 80)
            try:
                reply = replies.get(message.metadata.message_id)
                arrays, scores = contents_of(reply, like, variances)
                client |= {"up": size_of(reply), **scores}
                answers.append(Answer(reply, client, arrays))
            except Fault as fault:
                client |= {"dropped": line_of(fault)}
            except Exception as error:
                # What a client sends has more ways to be wrong than are looked for, and none of them is the others' loss.
                client |= {"dropped": line_of(f"gave an answer that cannot be read: {type(error).__name__} {error}")}
            self.clients.append(client)
        return answers


def size_of(message: Message) -> int:
    """Bytes of a message's records, as Flower counts them."""
    return sum(record.count_bytes() for record in message.content.values())


def contents_of(
    reply: Message | None, like: dict[str, np.ndarray] | None, variances: Collection[str]
) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays of a reply, and its scores. Raises Fault if it does not count."""
    if reply is None:
        raise Fault("gave no answer in time")
    if reply.has_error():
        raise Fault(plain(reply.error.reason))
    content = reply.content
    if len(content.metric_records) != 1:
        raise Fault("answered without its metrics")
    scores = scores_of(next(iter(content.metric_records.values())))
    if like is None:
        return {}, scores
    if len(content.array_records) != 1:
        raise Fault("answered without the state")
    arrays = next(iter(content.array_records.values()))
    for name in like.keys() | arrays.keys():
        if name not in arrays or name not in like:
            raise Fault(f'answered with a state that {"has" if name in arrays else "lacks"} "{line_of(name, 80)}"')
    values = {}
    for name, own in like.items():
        if arrays[name].stype != "numpy.ndarray":
            raise Fault(f'answered with "{name}" written as {line_of(arrays[name].stype, 40)}')
        values[name] = array_in(name, arrays[name].data, own)
        check_values(name, values[name], name in variances)
    return values, scores


def plain(reason: str) -> str:
    """What a client's error says, as one line without Python's wrapping: `<class 'RuntimeError'>:<'…'>`."""
    line = line_of(reason)
    raised = re.fullmatch(r"<class '[\w.]+'>:<(['\"]?)(.*)\1>", line)
    return raised[2].removeprefix("thaw: ") if raised else line


def scores_of(record: MetricRecord) -> dict:
    """Examples and scores: of training, and those named `val-…` of the state that was sent. Raises Fault for others than numbers."""
    metrics = dict(record)
    examples = count_in(metrics, "num-examples", 1)
    held = {"examples": count_in(metrics, "val-examples", 0)} if "val-examples" in metrics else {}
    scores = scores_in({name: value for name, value in metrics.items() if name not in ("num-examples", "val-examples")})
    val = held | {name.removeprefix("val-"): value for name, value in scores.items() if name.startswith("val-")}
    train = {name: value for name, value in scores.items() if not name.startswith("val-")}
    return {"examples": examples} | ({"train": train} if train else {}) | ({"val": val} if val else {})


def replies_of(answers: list[Answer]) -> list[Message]:
    """The replies as Flower takes them, of nothing but what was checked: it averages metrics that all have."""
    common = set.intersection(*(set(answer.metrics) for answer in answers)) if answers else set()
    for answer in answers:
        content = answer.reply.content
        content.clear()
        metrics = {name: value for name, value in answer.metrics.items() if name in common}
        content["metrics"] = MetricRecord({"num-examples": answer.client["examples"], **metrics})
        if answer.arrays:
            content["arrays"] = ArrayRecord({name: array_of(values) for name, values in answer.arrays.items()})
    return [answer.reply for answer in answers]
