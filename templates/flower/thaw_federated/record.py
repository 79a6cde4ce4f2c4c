"""What became of every round: `record.jsonl`, of which `thaw federated finish` makes the report."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from .checks import mean_of

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


def told(what: str, clients: list[dict], part: str) -> None:
    """Prints a line of it, and one for each client that is not in it or counts for less than it says."""
    answered = [client for client in clients if part in client and "dropped" not in client]
    weights = [client[part].get("examples", client["examples"]) for client in answered]
    means = mean_of([{name: v for name, v in client[part].items() if name != "examples"} for client in answered], weights)
    scores = "  ".join(f"{name} {value:.4g}" for name, value in means.items())
    count = sum("dropped" not in client for client in clients)
    print(f"{what}: {count} of {len(clients)} clients   {scores}", flush=True)
    for client in clients:
        who = f"{client['name']} ({client['client']})" if "name" in client else client["client"]
        if "dropped" in client:
            print(f"  without {who}: {client['dropped']}", flush=True)
        if "claimed" in client:
            print(f"  {who} says {client['claimed']} examples, of which {client['examples']} count", flush=True)
        if "clipped" in client:
            print(f"  {who} moved too far from the state: {client['clipped']:.3g} of its update counts", flush=True)
