"""Speaks with the driver (scripts/bench/worker.ts): one JSON object a line, a request each, an answer each."""

import json
import math
import os
import sys
import traceback
from typing import Callable


def serve(handlers: dict[str, Callable[[dict], dict]]) -> None:
    """Answers requests `{NAME: argument}` until the input ends. What others print goes to stderr, so that answers stay whole lines."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        ((name, argument),) = json.loads(line).items()
        try:
            answer = peak_memory() if name == "memory" else handlers[name](argument)
        except Exception as error:  # told to the driver, which decides
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), file=answers, flush=True)


def finite(values: list[float]) -> list[float | None]:
    """JSON has no word for what is not a number."""
    return [value if math.isfinite(value) else None for value in values]


def peak_memory() -> dict:
    """Most memory that this process held at once. `ru_maxrss` counts the parent's at the moment of the fork on Linux, so not there."""
    try:
        with open("/proc/self/status") as status:
            line = next(line for line in status if line.startswith("VmHWM:"))
        return {"bytes": int(line.split()[1]) * 1024}
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {"bytes": peak if sys.platform == "darwin" else peak * 1024}


def threads() -> int:
    return int(os.environ["BENCH_THREADS"])
