"""A client: trains the state that the server sends on the data of this machine, or measures it there."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from flwr.app import Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from .states import read_state, thaw_round, write_state

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    """Answers with the new state, the number of examples, the training's metrics, and those of the state that came, named `val-…`."""
    config = message.content["config"]
    words = ["--proximal", str(config["proximal-mu"])] if "proximal-mu" in config else []
    with TemporaryDirectory() as folder:
        after = Path(folder) / "after.safetensors"
        outcome = run(message, context, Path(folder), "--out", after, "--measure", *words)
        arrays, _ = read_state(after)
    metrics = metrics_of({"num-examples": outcome["examples"], **outcome["train"], **measured(outcome["before"], outcome)})
    return Message(RecordDict({"arrays": arrays, "metrics": metrics}), reply_to=message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Answers with metrics on the validation images of this machine, and their number."""
    with TemporaryDirectory() as folder:
        outcome = run(message, context, Path(folder), "--evaluate")
    metrics = metrics_of({"num-examples": outcome["examples"], **measured(outcome["val"], outcome)})
    return Message(RecordDict({"metrics": metrics}), reply_to=message)


def metrics_of(scores: dict) -> MetricRecord:
    """As a record, which has numbers only: a score that could not be measured is left out."""
    return MetricRecord({name: value for name, value in scores.items() if value is not None})


def measured(scores: dict, outcome: dict) -> dict:
    """Scores of the validation images, and the number of those."""
    return {"val-examples": outcome["held"], **{f"val-{name}": value for name, value in scores.items()}}


def run(message: Message, context: Context, folder: Path, *words: str | Path) -> dict:
    """`thaw round` on the state of a message."""
    config = message.content["config"]
    here = {**context.run_config, **context.node_config}
    before, settings = folder / "before.safetensors", folder / "round.json"
    finished = config["epochs"] * (config["server-round"] - 1)
    metadata = {**json.loads(config["state"]), "epoch": str(config["epoch"] + finished)}
    write_state(before, message.content["arrays"], metadata)
    settings.write_text(config["settings"])
    return thaw_round(here["thaw"], here["model"], data_of(context), "--in", before, "--config", settings, *words)


def data_of(context: Context) -> str:
    """Where this machine's images are."""
    if "data" in context.node_config:
        return str(context.node_config["data"])
    pattern = str(context.run_config["simulation-data"])
    if not pattern or "partition-id" not in context.node_config:
        raise RuntimeError("where the images are is not said: start flower-supernode with --node-config 'data=\"/folder\"'")
    return pattern.replace("{}", str(context.node_config["partition-id"]))
