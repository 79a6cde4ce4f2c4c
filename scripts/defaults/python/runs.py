"""What the recipes of other libraries share: the tasks of draw.ts, EfficientNet-Lite0, and the results."""

import argparse
import csv
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "bench" / "python"))
from networks import pretrained_efficientnet_lite0  # noqa: E402

SIZE = 224
MEAN, STD = [127 / 255] * 3, [128 / 255] * 3
BATCH = 16

__all__ = ["BATCH", "MEAN", "SIZE", "STD", "Outcome", "Task", "measure", "parser", "pretrained_efficientnet_lite0"]


@dataclass(frozen=True)
class Task:
    classes: list[str]
    # Files and indices of classes, by split: train, val, test.
    samples: dict[str, list[tuple[Path, int]]]


@dataclass(frozen=True)
class Outcome:
    """Accuracies of the weights of the best epoch."""

    val: float
    test: float
    epochs: int


def parser(description: str) -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("folder", type=Path, help="where draw.ts drew the tasks; results.jsonl gets the results")
    result.add_argument("--tasks", required=True, help="names, with commas between them")
    result.add_argument("--seeds", default="0,1,2,3,4")
    result.add_argument("--epochs", type=int, default=10)
    result.add_argument("--threads", type=int, default=1)
    result.add_argument("--model", default="efficientnet-lite0", help="the model's name in results.jsonl")
    return result


def measure(args: argparse.Namespace, plan: str, train: Callable[[Task, int], Outcome]) -> None:
    """Trains the missing runs, and appends their results as run.ts does."""
    torch.set_num_threads(args.threads)
    results = args.folder / "results.jsonl"
    done = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    for seed in map(int, args.seeds.split(",")):
        for task in args.tasks.split(","):
            key = {"task": task, "model": args.model, "plan": plan, "seed": seed}
            if any(key.items() <= result.items() for result in done):
                continue
            random.seed(seed)
            np.random.seed(seed)
            torch.manual_seed(seed)
            began, used = time.perf_counter(), time.process_time()
            outcome = train(read_task(args.folder / task, seed), seed)
            times = {"seconds": time.perf_counter() - began, "processorSeconds": time.process_time() - used}
            with results.open("a") as file:
                file.write(json.dumps({**key, **vars(outcome), **times, "threads": args.threads}) + "\n")
            print(f"{task} {plan} {seed}: val {outcome.val:.4f}, test {outcome.test:.4f}", flush=True)


def read_task(folder: Path, seed: int) -> Task:
    with (folder / f"seed-{seed}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    classes = sorted({row["label"] for row in rows})
    samples = {split: [] for split in ("train", "val", "test")}
    for row in rows:
        samples[row["split"]].append((folder / row["file_name"], classes.index(row["label"])))
    return Task(classes, samples)
