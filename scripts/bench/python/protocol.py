"""Communicates with the driver (scripts/bench/worker.ts): one JSON object per line, and one answer per request."""

import json
import math
import os
import sys
import traceback
from typing import Callable


def serve(handlers: dict[str, Callable[[dict], dict]]) -> None:
    """Answers requests `{NAME: argument}` until the input ends. Other output goes to stderr, so that answers stay whole lines."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        ((name, argument),) = json.loads(line).items()
        try:
            answer = peak_memory() if name == "memory" else handlers[name](argument)
        except Exception as error:  # reported to the driver, which decides
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), file=answers, flush=True)


def finite(values: list[float]) -> list[float | None]:
    """JSON has no NaN and no infinity."""
    return [value if math.isfinite(value) else None for value in values]


def peak_memory() -> dict:
    """The peak memory of this process. On Linux, `ru_maxrss` includes the parent's memory at the fork, so Linux uses another source."""
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
