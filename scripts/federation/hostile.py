"""
Runs a Flower federation on this machine with two honest clients and one of each kind of hostile client: a number of examples that is infinite or
10^18, arrays of another shape than declared, garbage, values that are not finite, updates that are far too long, scores that are text. Prints
the result of every round, and fails if a round is lost, a hostile client is not noticed, or the state is not finite.

usage: hostile.py MODEL SHARE SHARE MEASURED LABELS [THAW]
  MODEL     an .onnx file
  SHARE     labelled images of an honest client
  MEASURED  labelled images of the server
  LABELS    a,b,c
  THAW      the command for Thaw; thaw by default

Needs Flower in the Python that runs it. Takes a few minutes.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from safetensors.numpy import load_file

model, *shares, measured, labels = sys.argv[1:6]
thaw = sys.argv[6] if len(sys.argv) > 6 else "thaw"
here = Path(mkdtemp(prefix="thaw-hostile-"))
flower = Path(sys.executable).parent
PORT = 18543
environment = {
    **os.environ,
    "HOME": str(here),
    "FLWR_HOME": str(here / ".flwr"),
    "PATH": f"{flower}:{os.environ['PATH']}",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_TELEMETRY_ENABLED": "0",
}
started: list[subprocess.Popen] = []

ATTACKS = ["inf count", "huge count", "shape", "garbage", "object", "nan", "far", "text"]

# Replaces the app's client; --node-config selects its answers.
CLIENT = '''
import numpy as np
from flwr.app import Array, ArrayRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.supercore.inflatable.inflatable_object import add_header_to_object_body

from . import honest

app = ClientApp()


@app.train()
def train(message, context):
    attack = context.node_config.get("attack")
    return answer(message, attack) if attack else honest.train(message, context)


@app.evaluate()
def evaluate(message, context):
    attack = context.node_config.get("attack")
    return answer(message, attack) if attack else honest.evaluate(message, context)


def answer(message, attack):
    state = {name: array.numpy() for name, array in message.content["arrays"].items()}
    random = np.random.default_rng(1)
    arrays = {name: Array(v + random.normal(scale=0.01, size=v.shape).astype(v.dtype)) for name, v in state.items()}
    first = next(iter(state))
    metrics = {"num-examples": 60, "loss": 0.5, "val-examples": 10, "val-loss": 0.5, "val-accuracy": 1.0}
    if attack == "inf count":
        metrics["num-examples"] = float("inf")
    if attack == "huge count":
        metrics["num-examples"] = metrics["val-examples"] = 10**18
    if attack == "shape":
        arrays[first] = Array(np.stack([state[first]] * 5))
        arrays[first].shape = state[first].shape
    if attack == "garbage":
        arrays[first].data = b"garbage"
    if attack == "nan":
        arrays[first] = Array(state[first] * np.float32("nan"))
    if attack == "far":
        arrays = {name: Array(v - np.float32(1e6)) for name, v in state.items()}
    if attack == "object":
        # What Flower itself makes of it ends its server, were it not for CarefulGrid.
        MetricRecord.deflate = lambda self: add_header_to_object_body(b"\\xff\\xff\\xff", self)
    record = MetricRecord(metrics)
    if attack == "text":
        record["loss"] = [1.0, 2.0]
        record["\\x1b[2J"] = 1.0
    return Message(RecordDict({"arrays": ArrayRecord(arrays), "metrics": record}), reply_to=message)
'''


def run(*words: str | Path) -> str:
    done = subprocess.run([*map(str, words)], cwd=here, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}: {done.stdout}{done.stderr}")
    return done.stdout


def start(log: str, *words: str | Path) -> subprocess.Popen:
    """In a process group of its own, so that it can be killed with all its children."""
    with open(here / log, "a") as file:
        process = subprocess.Popen(
            [*map(str, words)], cwd=here, env=environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    started.append(process)
    return process


def said(log: str) -> str:
    return (here / log).read_text(errors="replace") if (here / log).exists() else ""


def wait(what: str, done, seconds: float = 900) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise SystemExit(f"{what} did not come about in {seconds:.0f} s; see {here}")
        time.sleep(0.5)


def lines() -> list[dict]:
    record = here / "app" / "federation" / "record.jsonl"
    return [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []


def main() -> None:
    (here / ".flwr").mkdir()
    connection = f'[superlink]\ndefault = "here"\n\n[superlink.here]\naddress = "127.0.0.1:{PORT}"\ninsecure = true\n'
    (here / ".flwr" / "config.toml").write_text(connection)
    run(*thaw.split(), "federated", "init", here / "app", "--model", model, "--labels", labels)
    package = here / "app" / "thaw_federated"
    (package / "client_app.py").rename(package / "honest.py")
    (package / "client_app.py").write_text(CLIENT)
    project = here / "app" / "pyproject.toml"
    text = project.read_text().split("[tool.flwr.app.config.stage-1]")[0]
    text = re.sub("^thaw = .*$", lambda _: f"thaw = {json.dumps(thaw)}", text, flags=re.M)
    text = re.sub("^server-data = .*$", lambda _: f"server-data = {json.dumps(measured)}", text, flags=re.M)
    project.write_text(text + '[tool.flwr.app.config.stage-1]\nrounds = 3\ntrain = "head"\nepochs = 1\nlr = 0.002\n')
    start("superlink.log", "flower-superlink", "--insecure", "--port", PORT, "--disable-runtime-dependency-installation")
    wait("the SuperLink", lambda: "startup complete" in said("superlink.log"))
    configs = {f"honest {i}": f'data="{share}"' for i, share in enumerate(shares)}
    configs |= {attack: f'attack="{attack}"' for attack in ATTACKS}
    names = {}
    for i, (name, config) in enumerate(configs.items()):
        log = f"{name}.log"
        words = ["--insecure", "--superlink", f"127.0.0.1:{PORT}", "--port", 19101 + i, "--node-config", config]
        start(log, "flower-supernode", *words)
        wait(f"the SuperNode {name}", lambda log=log: re.search(r"SuperNode ID: (\d+)", said(log)))
        names[re.search(r"SuperNode ID: (\d+)", said(log))[1]] = name
    again = start("run.log", "flwr", "run", "app", "here", "--stream")
    wait("the end", lambda: again.poll() is not None or "The state after" in said("run.log") and "report" in said("run.log"))

    for line in lines():
        if line["type"] == "sitting":
            continue
        print(f"{line['type']} {line['round']}")
        for client in sorted(line["clients"], key=lambda client: names[client["client"]]):
            noted = [f"dropped: {client['dropped']}"] if "dropped" in client else [f"{client['examples']} examples"]
            noted += [f"of {client['claimed']} said"] if "claimed" in client else []
            noted += [f"{client['clipped']:.2g} of its update"] if "clipped" in client else []
            print(f"  {names[client['client']]}: {', '.join(noted)}")
    done = [line for line in lines() if line["type"] == "round"]
    assert [line["round"] for line in done] == [1, 2, 3], said("run.log")[-3000:]
    for line in done:
        noticed = {names[c["client"]] for c in line["clients"] if {"dropped", "claimed", "clipped"} & set(c)}
        assert noticed >= set(ATTACKS), set(ATTACKS) - noticed
        assert not any("dropped" in c for c in line["clients"] if names[c["client"]].startswith("honest"))
    state = load_file(here / "app" / "federation" / "state.safetensors")
    first = load_file(here / "app" / "federation" / "states" / "round-1.safetensors")
    assert {n: v.shape for n, v in state.items()} == {n: v.shape for n, v in first.items()}
    assert all(np.isfinite(values).all() for values in state.values())
    print(run(*thaw.split(), "eval", here / "app" / "federation" / "run", measured, "--json")[:120])
    print(f"all rounds are there: {here}")


try:
    main()
finally:
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
