"""The server: stage by stage, rounds of one of Flower's own strategies. Needs Thaw and the model, and no data."""

import json
import shlex
import subprocess
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from flwr.app import ArrayRecord, ConfigRecord, Context
from flwr.serverapp import Grid, ServerApp

from .exchange import CarefulGrid
from .guard import Guard
from .record import Record, take_lock, told
from .states import forget_after, keep_state, kept_states, read_state, thaw_round
from .strategies import FedAvg, strategy_of, variances_in

app = ServerApp()


def stages_of(config) -> list[dict]:
    """`stage-1.rounds`, `stage-1.train`, … as a list in the order of the numbers, each with the rounds before it."""
    stages: dict[int, dict] = {}
    for key, value in config.items():
        name, _, setting = key.partition(".")
        if name.startswith("stage-") and setting:
            stages.setdefault(int(name.removeprefix("stage-")), {})[setting] = value
    return [stages[number] for number in sorted(stages)]


def settings_of(config, stage: dict) -> str:
    """`round.json` of a stage."""
    own = {name: value for name, value in stage.items() if name != "rounds"}
    return json.dumps({**json.loads(config["settings"]), "stages": [own]}, separators=(",", ":"))


def strategy_for(config) -> FedAvg:
    """The strategy of the config, its stages regarded."""
    settings = [json.loads(config["settings"]), *stages_of(config)]
    return strategy_of(config, [part.get("batchNorm") for part in settings])


@app.main()
def main(grid: Grid, context: Context) -> None:
    """All stages, from where the state in `out` ends, a last evaluation, and the finished model."""
    config = context.run_config
    grid = CarefulGrid(grid)
    out = Path(config["out"])
    out.mkdir(parents=True, exist_ok=True)
    lock = take_lock(out)
    state = out / "state.safetensors"
    done = rounds_in(state)
    if not state.exists() and kept_states(state):
        raise RuntimeError(f"{state} is missing: put a state of {out / 'states'} in its place, or choose another out to begin anew")
    forget_after(state, done)
    record = Record(out / "record.jsonl", done)
    record.write("sitting", model=config["model"], strategy=strategy_words(config), flower=version("flwr"), rounds=done)
    first = 0
    for number, stage in enumerate(stages_of(config), 1):
        left = min(int(stage["rounds"]), first + int(stage["rounds"]) - done)
        first += int(stage["rounds"])
        if left > 0:
            train_stage(grid, config, record, number, stage, state, left)
    if not record.evaluated:
        evaluate(grid, config, record, stage, state)
    print(f"The state after {first} rounds: {state}")
    finish(config, out)
    lock.close()


def strategy_words(config) -> dict:
    """The strategy and what it was given."""
    own = {"fedprox": ["proximal-mu"], "fedadam": ["eta", "tau"]}.get(config["strategy"], [])
    return {"name": config["strategy"], **{name: config[name] for name in own}, **Guard.of(config).words}


def rounds_in(state: Path) -> int:
    """Rounds that went into a state."""
    return int(read_state(state)[1].get("rounds", 0)) if state.exists() else 0


def message_config(config, stage: dict, metadata: dict[str, str]) -> ConfigRecord:
    """What a client is told beside the state: whose it is, how to train it, and how many epochs it has had before the first round."""
    whose = {name: metadata[name] for name in ("format", "version", "source", "task", "seed")}
    return ConfigRecord({
        "state": json.dumps(whose, separators=(",", ":")),
        "settings": settings_of(config, stage),
        "epoch": int(metadata["epoch"]),
        "epochs": int(stage["epochs"]),
    })


def train_stage(grid: Grid, config, record: Record, number: int, stage: dict, state: Path, rounds: int) -> None:
    """The rounds that are left of a stage. After each its line is in the record, then the state is written."""
    arrays, metadata = grown(config, stage, state)
    epoch, done, epochs = int(metadata["epoch"]), int(metadata.get("rounds", 0)), int(stage["epochs"])
    strategy = strategy_for(config)
    strategy.variances = variances_in(metadata)

    def keep(server_round: int, arrays: ArrayRecord) -> None:
        if server_round == 0:
            return
        exchange = strategy.exchange
        settings = json.loads(settings_of(config, stage))
        position = {"epoch": str(epoch + epochs * server_round), "rounds": str(done + server_round)}
        record.write(
            "round",
            round=done + server_round,
            stage=number,
            settings=settings,
            seconds=round(exchange.seconds, 2),
            clients=exchange.clients,
        )
        keep_state(state, arrays, {**metadata, **position}, int(config["keep"]))
        told(f"round {done + server_round}", exchange.clients, "train")

    # What a state is worth is measured when it is sent for the next round: it travels once.
    strategy.fraction_evaluate = 0.0
    strategy.start(
        grid=grid,
        initial_arrays=arrays,
        num_rounds=rounds,
        timeout=float(config["timeout"]),
        train_config=message_config(config, stage, metadata),
        evaluate_fn=keep,
    )


def evaluate(grid: Grid, config, record: Record, stage: dict, state: Path) -> None:
    """The last state on all clients."""
    arrays, metadata = read_state(state)
    strategy = strategy_for(config)
    messages = strategy.configure_evaluate(1, arrays, message_config(config, stage, metadata), grid)
    strategy.aggregate_evaluate(1, grid.send_and_receive(messages, timeout=float(config["timeout"])))
    exchange = strategy.evaluation
    seconds = round(exchange.seconds, 2)
    record.write("evaluation", round=int(metadata["rounds"]), seconds=seconds, clients=exchange.clients)
    told("evaluation", exchange.clients, "val")


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


def finish(config, out: Path) -> None:
    """The run directory with its report and the finished model, of what is in `out`."""
    command = [*shlex.split(config["thaw"]), "federated", "finish", str(out)]
    command += [config["server-data"]] if config["server-data"] else []
    # Flower shows what is printed here, and not what a process beside it prints.
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(done.stdout.strip(), flush=True)
    if done.returncode != 0:
        print(f"The state is whole. Once that is mended: {shlex.join(command)}")
