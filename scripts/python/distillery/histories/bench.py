"""Windows a second, ours and those of a plain loop over h5py, in turn in one process.

    python -m distillery.histories.bench runs/quickstart --length 100 --batch 64
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .errors import HistoriesError
from .folder import Histories
from .settings import WindowSettings
from .stream import Stream
from .windows import WindowSampler


class PlainLoop:
    """Windows as one reads them by hand: all files are open, each window is three slices of datasets, and a batch is
    stacked. It draws a row of all rows, asks neither for whole episodes nor for every k-th, and masks nothing."""

    def __init__(self, streams: Sequence[Stream], length: int) -> None:
        self.length = length
        names = streams[0].metadata.environment.stored_name
        self.files = [tuple(stream.datasets[name] for name in (names, "actions", "rewards")) for stream in streams]
        self.rows = [stream.row_count for stream in streams]
        self.shares = np.array(self.rows) / sum(self.rows)
        self.random = np.random.default_rng(0)
        self.none = streams[0].metadata.environment.action_space.counts[0]

    def batch(self, windows: int) -> tuple[Any, ...]:
        observations, actions, rewards, previous_actions, previous_rewards = [], [], [], [], []
        for number in self.random.choice(len(self.files), windows, p=self.shares):
            first = int(self.random.integers(max(1, self.rows[number] - self.length + 1)))
            of_observations, of_actions, of_rewards = self.files[number]
            observations.append(of_observations[first : first + self.length])
            action, reward = of_actions[first : first + self.length], of_rewards[first : first + self.length]
            actions.append(action)
            rewards.append(reward)
            previous_actions.append(np.concatenate([[self.none], action[:-1]]))
            previous_rewards.append(np.concatenate([np.zeros(1, np.float32), reward[:-1]]))
        return tuple(map(np.stack, (observations, actions, rewards, previous_actions, previous_rewards)))


def windows_per_second(draw: Callable[[int], object], batch: int, seconds: float) -> float:
    """Calls `draw` with the number of the call, for so long."""
    calls, begin = 0, time.perf_counter()
    while (now := time.perf_counter()) < begin + seconds or not calls:
        draw(calls)
        calls += 1
    return calls * batch / (now - begin)


def measure(
    histories: Histories, *, length: int, batch: int, rounds: int, seconds: float, masking: float
) -> dict[str, Any]:
    """Raises `HistoriesError` where there is no stream that is longer than a window."""
    chosen = histories.filter(split="train", sealed=True, where=lambda entry: entry.metadata.first_policy_version == 0)
    begin = time.perf_counter()
    sampler = WindowSampler(
        chosen, length=length, seed=0, settings=WindowSettings(), masking_probability=masking, observations="stored"
    )
    loading = time.perf_counter() - begin
    streams = [stream for entry in chosen if (stream := entry.open()).row_count >= length]
    if not streams:
        raise HistoriesError(f"{histories.path}: no sealed stream has {length} rows; try a shorter --length")
    plain = PlainLoop(streams, length)
    rates: dict[str, list[float]] = {"ours": [], "h5py": []}
    for _ in range(rounds):
        rates["ours"].append(windows_per_second(lambda step: sampler.batch(step, batch), batch, seconds))
        rates["h5py"].append(windows_per_second(lambda _: plain.batch(batch), batch, seconds))
    for stream in streams:
        stream.close()
    medians = {name: statistics.median(values) for name, values in rates.items()}
    return {
        "streams": sampler.stream_count,
        "rows": sampler.row_count,
        "context_length": length,
        "batch_size": batch,
        "masking_probability": masking,
        "loading_seconds": loading,
        "windows_per_second": medians,
        "spread": {name: [min(values), max(values)] for name, values in rates.items()},
        "ratio": medians["ours"] / medians["h5py"],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, 1 where it cannot be measured, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m distillery.histories.bench", description=__doc__)
    parser.add_argument("path", help="a run, its histories or one stream")
    parser.add_argument("--length", type=int, default=100, help="transitions of a window (default %(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="windows of a batch (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="of ours and h5py in turn (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement (default %(default)s)")
    parser.add_argument("--masking", type=float, default=0.3, help="masking probability, of ours (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args(arguments)
    if options.length < 1 or options.batch < 1 or options.rounds < 1 or not 0 < options.seconds <= 600:
        parser.error("--length, --batch and --rounds are from 1, --seconds above 0, to 600")
    try:
        found = measure(
            Histories(options.path), length=options.length, batch=options.batch, rounds=options.rounds,
            seconds=options.seconds, masking=options.masking,
        )  # fmt: skip
    except HistoriesError as error:
        print(error, file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(found))
        return 0
    rates, spread = found["windows_per_second"], found["spread"]
    print(f"{found['streams']} streams, {found['rows']} rows, read in {found['loading_seconds']:.2f} s")
    for name in ("ours", "h5py"):
        low, high = spread[name]
        print(f"{name:5} {rates[name]:10.0f} windows a second ({low:.0f} to {high:.0f})")
    print(f"ratio {found['ratio']:10.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
