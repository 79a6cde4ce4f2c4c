"""Flower's own strategies, with a look at what they are given."""

import json

import numpy as np
from flwr.app import ArrayRecord
from flwr.serverapp.strategy import FedAdam, FedAvg, FedProx

from .exchange import Exchange, replies_of
from .guard import Guard
from .record import told
from .states import array_of


class Useless(RuntimeError):
    """A round that gave no state: what was finished is kept."""


class Watched:
    """
    Before a strategy: it is given answers that were checked, within the limits of the guard; what it computes in double precision travels in
    single, as it came; and the last exchanges are there to be told of.
    """

    exchange: Exchange
    evaluation: Exchange
    guard: Guard
    # Names of tensors that cannot be below zero.
    variances: frozenset[str] = frozenset()

    def configure_train(self, server_round, arrays, config, grid):
        self.sent = {name: array.numpy() for name, array in arrays.items()}
        messages = list(super().configure_train(server_round, arrays, config, grid))
        self.exchange = Exchange(messages, names_of(grid))
        return messages

    def aggregate_train(self, server_round, replies):
        answers = self.exchange.close(replies, self.sent, self.variances)
        # The mean of one client would be its own state, and of few clients it leans to what they have.
        if len(answers) < self.min_train_nodes:
            told("a round that counts for nothing", self.exchange.clients, "train")
            words = f"{len(answers)} clients gave a state that can be averaged, and min-clients is {self.min_train_nodes}"
            raise Useless(f"{words}: the lines above say why. What was finished is kept; run it again")
        arrays, metrics = super().aggregate_train(server_round, replies_of(self.guard.limit(answers, self.sent)))
        mean = {name: array.numpy().astype(self.sent[name].dtype) for name, array in arrays.items()}
        mean = self.guard.noised(mean, answers)
        for name, values in mean.items():
            if not np.isfinite(values).all():
                raise Useless(f'the mean of "{name}" is not finite: the round counts for nothing. Choose guard median')
        return ArrayRecord({name: array_of(values) for name, values in mean.items()}), metrics

    def configure_evaluate(self, server_round, arrays, config, grid):
        messages = list(super().configure_evaluate(server_round, arrays, config, grid))
        self.evaluation = Exchange(messages, names_of(grid))
        return messages

    def aggregate_evaluate(self, server_round, replies):
        answers = self.evaluation.close(replies)
        self.guard.limit_counts(answers)
        return super().aggregate_evaluate(server_round, replies_of(answers))


class Averaging(Watched, FedAvg):
    """FedAvg: the mean of the clients' states, weighted by their examples."""


class Proximal(Watched, FedProx):
    """FedProx: the same, each client held near what it was sent."""


class Adaptive(Watched, FedAdam):
    """FedAdam: Adam on the server, with the mean change as its gradient."""


def names_of(grid) -> dict[int, str]:
    """Names that `flwr supernode register --name` gave."""
    return {node.node_id: node.name for node in grid.get_nodes()}


def strategy_of(config, batch_norms: list) -> FedAvg:
    """
    The strategy that the config names.

    @param batch_norms: what settings and stages say of batch normalization
    """
    count = int(config["min-clients"])
    common = {"min_train_nodes": count, "min_evaluate_nodes": count, "min_available_nodes": count}
    strategy = named(config, batch_norms, common)
    strategy.guard = Guard.of(config)
    return strategy


def named(config, batch_norms: list, common: dict) -> FedAvg:
    """Flower's own, by its name."""
    name = config["strategy"]
    if name == "fedavg":
        return Averaging(**common)
    if name == "fedprox":
        return Proximal(proximal_mu=float(config["proximal-mu"]), **common)
    if name == "fedadam":
        # Adam's steps could bring a running variance below zero.
        if "training" in batch_norms:
            raise ValueError("fedadam does not go with batchNorm training: choose fedavg, or leave batchNorm frozen")
        if float(config["noise-multiplier"]):
            raise ValueError("the noise would come after fedadam's steps, which are not clipped: choose fedavg or fedprox")
        return Adaptive(eta=float(config["eta"]), tau=float(config["tau"]), **common)
    raise ValueError(f'there is no strategy "{name}": choose fedavg, fedprox or fedadam')


def variances_in(metadata: dict[str, str]) -> frozenset[str]:
    """Of a state's metadata: the tensors that cannot be below zero."""
    return frozenset(json.loads(metadata.get("variances", "[]")))
