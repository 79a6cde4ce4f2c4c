"""Flower's own strategies, with a look at what they are given."""

import json

import numpy as np
from flwr.app import ArrayRecord
from flwr.serverapp.strategy import DifferentialPrivacyServerSideFixedClipping, FedAdam, FedAvg, FedProx, Strategy

from .record import Exchange, told
from .states import array_of


class TooFew(RuntimeError):
    """Fewer clients gave a state than a round must have."""


class Watched:
    """
    Before a strategy: replies that cannot be averaged are kept from it, what it computes in double precision travels in single,
    as it came, and the last exchanges are there to be told of.
    """

    exchange: Exchange
    evaluation: Exchange

    def configure_train(self, server_round, arrays, config, grid):
        self.sent = arrays
        messages = list(super().configure_train(server_round, arrays, config, grid))
        self.exchange = Exchange(messages, names_of(grid))
        return messages

    def aggregate_train(self, server_round, replies):
        usable = self.exchange.close(replies, like=self.sent)
        # The mean of one client would be its own state, and of few clients it leans to what they have.
        if len(usable) < self.min_train_nodes:
            told("a round that counts for nothing", self.exchange.clients, "train")
            words = f"{len(usable)} clients gave a state that can be averaged, and min-clients is {self.min_train_nodes}"
            raise TooFew(f"{words}: the lines above say why. What was finished is kept; run it again")
        arrays, metrics = super().aggregate_train(server_round, usable)
        return ArrayRecord({name: array_of(np.asarray(a.numpy(), np.float32)) for name, a in arrays.items()}), metrics

    def configure_evaluate(self, server_round, arrays, config, grid):
        messages = list(super().configure_evaluate(server_round, arrays, config, grid))
        self.evaluation = Exchange(messages, names_of(grid))
        return messages

    def aggregate_evaluate(self, server_round, replies):
        return super().aggregate_evaluate(server_round, self.evaluation.close(replies))


def private(strategy: FedAvg, config) -> Strategy:
    """The strategy, in Flower's differential privacy where the config asks for noise: it wants an answer of every client."""
    noise = float(config["noise-multiplier"])
    if not noise:
        return strategy
    if config["strategy"] == "fedadam":
        raise ValueError("the noise would come after fedadam's steps, which are not clipped: choose fedavg or fedprox")
    return DifferentialPrivacyServerSideFixedClipping(strategy, noise, float(config["clipping-norm"]), int(config["min-clients"]))


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
    name = config["strategy"]
    if name == "fedavg":
        return Averaging(**common)
    if name == "fedprox":
        return Proximal(proximal_mu=float(config["proximal-mu"]), **common)
    if name == "fedadam":
        # Adam's steps could bring a running variance below zero.
        if "training" in batch_norms:
            raise ValueError("fedadam does not go with batchNorm training: choose fedavg, or leave batchNorm frozen")
        return Adaptive(eta=float(config["eta"]), tau=float(config["tau"]), **common)
    raise ValueError(f'there is no strategy "{name}": choose fedavg, fedprox or fedadam')
