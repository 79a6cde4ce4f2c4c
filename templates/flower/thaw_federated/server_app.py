"""The server: stage by stage, rounds of one of Flower's own strategies. Needs Thaw and the model, and no data."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAdam, FedAvg, FedProx

from .states import read_state, thaw_round, write_state

app = ServerApp()


class SinglePrecision:
    """Before a strategy: what it computes in double precision travels in single, as it came."""

    def aggregate_train(self, server_round, replies):
        arrays, metrics = super().aggregate_train(server_round, replies)
        if arrays is not None:
            arrays = ArrayRecord({name: Array(np.asarray(a.numpy(), np.float32)) for name, a in arrays.items()})
        return arrays, metrics


class Averaging(SinglePrecision, FedAvg):
    """FedAvg: the mean of the clients' states, weighted by their examples."""


class Proximal(SinglePrecision, FedProx):
    """FedProx: the same, each client held near what it was sent."""


class Adaptive(SinglePrecision, FedAdam):
    """FedAdam: Adam on the server, with the mean change as its gradient."""


def strategy_of(config) -> FedAvg:
    """The strategy that the config names."""
    count = int(config["min-clients"])
    common = {"min_train_nodes": count, "min_evaluate_nodes": count, "min_available_nodes": count}
    name = config["strategy"]
    if name == "fedavg":
        return Averaging(**common)
    if name == "fedprox":
        return Proximal(proximal_mu=float(config["proximal-mu"]), **common)
    if name == "fedadam":
        # Adam's steps could bring a running variance below zero.
        if "training" in (json.loads(config["settings"]).get("batchNorm"), *stage_values(config, "batchNorm")):
            raise ValueError("fedadam does not go with batchNorm training: choose fedavg, or leave batchNorm frozen")
        return Adaptive(eta=float(config["eta"]), tau=float(config["tau"]), **common)
    raise ValueError(f'there is no strategy "{name}": choose fedavg, fedprox or fedadam')


def stages_of(config) -> list[dict]:
    """`stage-1.rounds`, `stage-1.train`, … as a list in the order of the numbers."""
    stages: dict[int, dict] = {}
    for key, value in config.items():
        name, _, setting = key.partition(".")
        if name.startswith("stage-") and setting:
            stages.setdefault(int(name.removeprefix("stage-")), {})[setting] = value
    return [stages[number] for number in sorted(stages)]


def stage_values(config, setting: str) -> list:
    """What the stages say of a setting."""
    return [stage[setting] for stage in stages_of(config) if setting in stage]


def settings_of(config, stage: dict) -> str:
    """`round.json` of a stage."""
    own = {name: value for name, value in stage.items() if name != "rounds"}
    return json.dumps({**json.loads(config["settings"]), "stages": [own]})


@app.main()
def main(grid: Grid, context: Context) -> None:
    """All stages, from where the state in `out` ends."""
    config = context.run_config
    out = Path(config["out"])
    out.mkdir(parents=True, exist_ok=True)
    state = out / "state.safetensors"
    done = int(read_state(state)[1].get("rounds", 0)) if state.exists() else 0
    first = 0
    for stage in stages_of(config):
        left = min(int(stage["rounds"]), first + int(stage["rounds"]) - done)
        first += int(stage["rounds"])
        if left > 0:
            train_stage(grid, config, stage, state, left)
    print(f"The state after {first} rounds: {state}")


def train_stage(grid: Grid, config, stage: dict, state: Path, rounds: int) -> None:
    """The rounds that are left of a stage; the state is written after each."""
    arrays, metadata = grown(config, stage, state)
    epoch, done = int(metadata["epoch"]), int(metadata.get("rounds", 0))
    epochs = int(stage["epochs"])

    def keep(server_round: int, arrays: ArrayRecord) -> None:
        if server_round > 0:
            position = {"epoch": str(epoch + epochs * server_round), "rounds": str(done + server_round)}
            write_state(state, arrays, {**metadata, **position})

    def sent() -> ConfigRecord:
        values = {"state": json.dumps(metadata), "settings": settings_of(config, stage), "epoch": epoch, "epochs": epochs}
        return ConfigRecord(values)

    strategy_of(config).start(
        grid=grid,
        initial_arrays=arrays,
        num_rounds=rounds,
        timeout=float(config["timeout"]),
        train_config=sent(),
        evaluate_config=sent(),
        evaluate_fn=keep,
    )


def grown(config, stage: dict, state: Path) -> tuple[ArrayRecord, dict[str, str]]:
    """The state with what the stage trains besides, or a first one; the file stays as it is until a round is finished."""
    with TemporaryDirectory() as folder:
        file, settings = Path(folder) / "state.safetensors", Path(folder) / "round.json"
        settings.write_text(settings_of(config, stage))
        words = ["--init", "--out", file, "--config", settings]
        words += ["--in", state] if state.exists() else ["--labels", config["labels"]] if config["labels"] else []
        thaw_round(config["thaw"], config["model"], *words)
        arrays, metadata = read_state(file)
    before = read_state(state)[1] if state.exists() else {}
    return arrays, {**metadata, **({"rounds": before["rounds"]} if "rounds" in before else {})}
