"""Trains a distillation on GPUs or CPUs with PyTorch: the same windows, schedule and checkpoints as `distillery distill`."""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch

from .checkpoints import CheckpointError
from .durable import LockedError
from .histories import HistoriesError
from .prepared import PrepareError
from .ranks import RanksError, joined
from .run import Interrupted, Run
from .training import StepReport, TrainingError

FAILURES = (
    CheckpointError, HistoriesError, LockedError, PrepareError, RanksError, TrainingError, OSError, torch.OutOfMemoryError)
# With each of them training ends, after a checkpoint.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)
PIPE_INTERVAL_SECONDS = 10.0

EXAMPLES = """
Example:
  python -m distillery.distil deploy/experiments/quickstart.yaml --histories runs/quickstart/histories --out checkpoints

On the two GPUs of a host, going on from the newest checkpoint:
  torchrun --nproc-per-node 2 -m distillery.distil deploy/experiments/quickstart.yaml \\
      --histories runs/quickstart/histories --out checkpoints --resume

The program `distillery` resolves the experiment: the one on the PATH or in $DISTILLERY_PROGRAM. On a host without it give
what `distillery prepare EXPERIMENT.yaml --out DIR` printed elsewhere, and copy DIR. Ctrl-C ends with a checkpoint.
"""


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m distillery.distil", description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("experiment", type=Path, help="an experiment, .yaml; or what `distillery prepare` printed, .json")
    add("--histories", type=Path, required=True, help="folder of sealed streams, or of a run")
    add("--out", type=Path, required=True, help="folder for the checkpoints")
    add("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE", help="override one key")
    add("--size", help="one of the sizes that the experiment names")
    add("--distillation", help="which of the experiment's distillations, such as ed-seed-1")
    add("--resume", action="store_true", help="go on from the latest checkpoint in the folder")
    add("--keep", type=int, metavar="COUNT", help="keep the newest COUNT checkpoints, whatever the experiment says")
    add("--device", choices=["auto", "cpu", "cuda"], default="auto", help="auto: CUDA where there is a GPU")
    add("--precision", choices=["auto", "float32", "bfloat16"], default="auto",
        help="of products; auto: bfloat16 on GPUs, float32 on CPUs")
    add("--compile", choices=["auto", "on", "off"], default="auto", help="torch.compile; auto: on GPUs")
    add("--log", type=Path, metavar="FILE", help="add a line of JSON after every step")
    return parser


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.experiment.suffix == ".json" and (options.overrides or options.size or options.distillation):
        parser.error("--set, --size and --distillation are for an experiment; what was prepared is resolved already")
    if options.keep is not None and options.keep < 1:
        parser.error(f"--keep {options.keep}: expected 1 or more")
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: PyTorch sees no GPU that it can use")
    return options


def device_of(options: argparse.Namespace) -> torch.device:
    """Where this process computes: of several on a host, each on a GPU of its own."""
    if options.device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device


class Signals:
    """The number of the first signal that asks this process to end; 0 until one comes. A context: what signals did before
    is what they do after it."""

    def __init__(self) -> None:
        self.number, self.before = 0, {}

    def __enter__(self) -> Self:
        self.before = {number: signal.signal(number, self.note) for number in SIGNALS}
        return self

    def __exit__(self, *_: Any) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def note(self, number: int, _: Any) -> None:
        self.number = self.number or number


class ProgressLine:
    """One line on a terminal that is written over; plain lines at intervals in a pipe."""

    def __init__(self, shows: bool) -> None:
        self.shows, self.last, self.open = shows, -PIPE_INTERVAL_SECONDS, False

    def show(self, text: str) -> None:
        if not self.shows:
            return
        if sys.stderr.isatty():
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
            self.open = True
        elif time.monotonic() - self.last >= PIPE_INTERVAL_SECONDS:
            self.last = time.monotonic()
            print(text, file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """A line that stays."""
        self.finish()
        if self.shows:
            print(text, file=sys.stderr, flush=True)

    def finish(self) -> None:
        if self.open:
            print(file=sys.stderr)
        self.open = False


class StepLog:
    """The steps as lines of JSON, which are added to what the file has; of rank 0 alone."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("a", encoding="utf-8", buffering=1)

    def add(self, report: StepReport, seconds: float) -> None:
        line = {
            "step": report.step, "loss": report.loss, "learning_rate": report.learning_rate,
            "gradient_norm": report.gradient_norm, "seconds": seconds}
        self.file.write(json.dumps(line) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Gives the exit status: 0 done, 1 failed, 2 wrong usage, 128 and the signal's number when interrupted."""
    options = parse(arguments)
    device = device_of(options)
    with Signals() as signals, joined(device) as ranks:
        progress = ProgressLine(ranks.is_first)
        try:
            log = ranks.together(lambda: StepLog(options.log) if options.log and ranks.is_first else None)
            Run(options, device, ranks, signals, progress, log).run()
        except Interrupted as interrupted:
            progress.finish()
            return 128 + interrupted.number
        except FAILURES as error:
            progress.finish()
            # Where all ranks know of it, one says so.
            if ranks.is_first or not isinstance(error, RanksError):
                print(f"Error: {error}", file=sys.stderr)
            return 128 + signals.number if signals.number else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
