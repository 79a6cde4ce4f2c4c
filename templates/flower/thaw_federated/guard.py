"""How much one client can do to the mean, by the settings of the app."""

import math
from dataclasses import dataclass

import numpy as np

from .checks import capped, distance, median_of, noisy, norm_limit, shortened
from .exchange import Answer

KINDS = ["clip", "median", "none"]


@dataclass
class Guard:
    """Limits on counts and updates, relative to those of the other clients, and the noise of differential privacy."""

    kind: str
    clip_factor: float
    count_factor: float
    noise: float
    clipping_norm: float

    @classmethod
    def of(cls, config) -> "Guard":
        """Raises ValueError for settings that do not go together."""
        guard = cls(
            str(config["guard"]),
            *(float(config[name]) for name in ("clip-factor", "count-factor", "noise-multiplier", "clipping-norm")),
        )
        if guard.kind not in KINDS:
            raise ValueError(f'guard is "{guard.kind}": choose {", ".join(KINDS)}')
        for name in ("clip_factor", "clipping_norm"):
            if not 0 < getattr(guard, name) < math.inf:
                raise ValueError(f"{name.replace('_', '-')} is {getattr(guard, name)}: it must be above 0")
        if guard.count_factor != 0 and not 1 <= guard.count_factor < math.inf:
            raise ValueError(f"count-factor is {guard.count_factor}: it must be 1 or above, or 0 for no limit")
        if not 0 <= guard.noise < math.inf:
            raise ValueError(f"noise-multiplier is {guard.noise}: it must be 0 or above")
        if guard.noise and guard.kind == "median":
            raise ValueError("the noise is for a mean, and guard is median: choose clip")
        return guard

    @property
    def words(self) -> dict:
        """For the record."""
        own = {"clip-factor": self.clip_factor} if self.kind == "clip" and not self.noise else {}
        private = {"noise-multiplier": self.noise, "clipping-norm": self.clipping_norm} if self.noise else {}
        return {"guard": self.kind, **own, "count-factor": self.count_factor, **private}

    def limit(self, answers: list[Answer], sent: dict[str, np.ndarray]) -> list[Answer]:
        """The answers with counts and updates within the limits; with the median, one answer that has it."""
        self.limit_counts(answers)
        if self.kind == "median":
            return [Answer(answers[0].reply, answers[0].client, median_of([answer.arrays for answer in answers]))]
        norms = [distance(answer.arrays, sent) for answer in answers]
        if self.noise:
            most = self.clipping_norm
        else:
            most = norm_limit(norms, self.clip_factor) if self.kind == "clip" else math.inf
        for answer, norm in zip(answers, norms, strict=True):
            if norm > most:
                answer.client["clipped"] = most / norm
                answer.arrays = shortened(answer.arrays, sent, most / norm)
        return answers

    def limit_counts(self, answers: list[Answer]) -> None:
        """What a client says of its samples is a weight, in the mean of states and in those of scores."""
        clients = [answer.client for answer in answers]
        for client, count in zip(clients, capped([client["examples"] for client in clients], self.count_factor), strict=True):
            if count < client["examples"]:
                client |= {"claimed": client["examples"], "examples": count}
        held = [client["val"] for client in clients if client.get("val", {}).get("examples")]
        for val, count in zip(held, capped([val["examples"] for val in held], self.count_factor), strict=True):
            val["examples"] = count

    def noised(self, mean: dict[str, np.ndarray], answers: list[Answer]) -> dict[str, np.ndarray]:
        """
        The mean with the noise of the Gaussian mechanism (Dwork and Roth, "The Algorithmic Foundations of Differential Privacy", appendix
        A), if there is any. A client moves the mean by its share of the weight times `clipping-norm` at most.
        """
        if not self.noise:
            return mean
        counts = [answer.client["examples"] for answer in answers]
        deviation = self.noise * self.clipping_norm * max(counts) / sum(counts)
        return noisy(mean, deviation, np.random.default_rng())
