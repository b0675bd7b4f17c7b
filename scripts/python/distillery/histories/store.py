"""Whole episodes of many streams in memory, end to end in flat columns (Sources/Distillation/Streams)."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .episodes import finished
from .errors import HistoriesError, StreamError
from .folder import Histories, StreamEntry
from .metadata import Environment, Metadata
from .settings import WindowSettings
from .stream import Stream

_SETTLING_NANOSECONDS = 2_000_000_000
"""A file that was written so long before it was looked at has another stamp after another change."""


@dataclass
class StoredStream:
    """One stream's whole episodes: cut ones are left out. `starts` (E + 1): first row of each, the end last."""

    metadata: Metadata
    observations: npt.NDArray[Any]
    actions: npt.NDArray[Any]
    rewards: npt.NDArray[np.float32]
    starts: npt.NDArray[np.int64]

    @property
    def row_count(self) -> int:
        return len(self.rewards)

    @property
    def episode_count(self) -> int:
        return len(self.starts) - 1


class StreamStore:
    """The streams that count, in the order of their paths: of train tasks, by a source algorithm that was observed from
    the lifetime's beginning. While histories grow, growing streams count with what is in them."""

    def __init__(
        self,
        histories: Histories,
        settings: WindowSettings,
        *,
        growing: bool = False,
        tasks: list[int] | None = None,
        leave_out_damaged: bool = False,
    ) -> None:
        """`tasks`: ids of the train tasks to choose from, the first of which count where the settings say so."""
        self._histories = histories
        self._settings = settings
        self._growing = growing
        self._tasks = tasks
        self._leave_out_damaged = leave_out_damaged
        self.left_out: dict[str, str] = {}
        """Why streams are left out that could not be read, by their paths."""
        self._known: dict[Path, tuple[_Stamp, StoredStream | None]] = {}
        self.streams: list[StoredStream] = []
        self.environment: Environment | None = None

    def refresh(self) -> bool:
        """Reads what is new; whether there is other than before. Files that did not change are not opened."""
        self._histories.refresh()
        if self._histories.elsewhere and not self._growing:
            raise HistoriesError(
                f"the streams of {self._histories.elsewhere[0]} lie with a recorder elsewhere: bring them here by "
                "`distillery histories gather FOLDER --out RUN`"
            )
        before = self.streams
        self.left_out = {}
        known = {entry.path: self._look(entry) for entry in self._histories.entries}
        self._known = known
        self.streams = self._chosen([stream for _, stream in known.values() if stream is not None])
        same = len(before) == len(self.streams) and all(a is b for a, b in zip(before, self.streams))
        return not same

    def _look(self, entry: StreamEntry) -> "tuple[_Stamp, StoredStream | None]":
        stamp = _Stamp.of(entry.path)
        earlier = self._known.get(entry.path)
        if earlier and earlier[0].is_settled and earlier[0].file == stamp.file:
            return earlier
        try:
            with Stream(entry.path) as stream:
                if not self._counts(stream.metadata):
                    return stamp, None
                self._check_environment(stream)
                found = load(stream)
        except StreamError as error:
            if not self._growing and not self._leave_out_damaged:
                raise
            self.left_out[str(entry.path)] = error.problem
            # While it grows it may be whole again at the next look; what was read before stays, for it was checked.
            return _UNSETTLED, earlier[1] if earlier and self._growing else None
        same = earlier is not None and _is_same(earlier[1], found)
        return stamp, earlier[1] if earlier and same else found

    def _counts(self, metadata: Metadata) -> bool:
        return (
            metadata.split == "train"
            and not metadata.is_of_evaluation
            and metadata.first_policy_version == 0
            and (metadata.is_sealed or self._growing)
        )

    def _check_environment(self, stream: Stream) -> None:
        found = stream.metadata.environment
        self.environment = self.environment or found
        if found != self.environment:
            raise HistoriesError(
                f"{stream.path} is of {found.name} {found.json}, expected {self.environment.name} "
                f"{self.environment.json}; a model is taught with one environment"
            )

    def _chosen(self, streams: list[StoredStream]) -> list[StoredStream]:
        """As Sources/Distillation/Streams/StreamSelection.swift chooses them."""
        tasks = None
        if self._settings.tasks is not None:
            there = self._tasks if self._tasks is not None else [stream.metadata.task for stream in streams]
            tasks = set(sorted(set(there))[: self._settings.tasks])
        limit = self._settings.streams_per_lifetime
        seen: dict[tuple[int, int], int] = {}
        chosen: list[StoredStream] = []
        for stream in streams:
            metadata = stream.metadata
            if tasks is not None and metadata.task not in tasks:
                continue
            key = (metadata.task, metadata.lifetime)
            seen[key] = seen.get(key, 0) + 1
            if limit is not None and seen[key] > limit:
                continue
            if metadata.is_sealed or not self._settings.is_sealed_only:
                chosen.append(stream)
        return chosen


@dataclass(frozen=True)
class _Stamp:
    """What tells from outside whether a file has changed."""

    file: tuple[int, int, int, int]
    is_settled: bool

    @staticmethod
    def of(path: Path) -> "_Stamp":
        try:
            status = os.stat(path)
        except OSError:
            return _UNSETTLED
        file = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        return _Stamp(file, time.time_ns() - status.st_mtime_ns > _SETTLING_NANOSECONDS)


_UNSETTLED = _Stamp((0, 0, 0, 0), False)


def _is_same(earlier: StoredStream | None, found: StoredStream) -> bool:
    return (
        earlier is not None
        and earlier.metadata == found.metadata
        and np.array_equal(earlier.starts, found.starts)
        and np.array_equal(earlier.rewards, found.rewards, equal_nan=True)
        and np.array_equal(earlier.actions, found.actions)
        and earlier.observations.tobytes() == found.observations.tobytes()
    )


def load(stream: Stream) -> StoredStream:
    """The whole episodes of a stream. Raises `StreamError` where what is stored lies outside of its space."""
    environment = stream.metadata.environment
    observations = stream.observations
    actions, rewards = stream.actions, stream.rewards
    for name, column, space in (
        (environment.stored_name, observations, environment.stored_space),
        ("actions", actions, environment.action_space),
    ):
        outside = space.first_outside(column)
        if outside is not None:
            raise StreamError(stream.path, f"row {outside} of {name} is outside its space {space}")
    ended = (stream.terminations != 0) | (stream.truncations != 0)
    first, last = finished(ended, stream.rollouts)
    lengths = last + 1 - first
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    count = int(starts[-1])
    if count and int(last[-1]) + 1 != count:
        rows = np.repeat(first - starts[:-1], lengths) + np.arange(count)
        observations, actions, rewards = observations[rows], actions[rows], rewards[rows]
    return StoredStream(stream.metadata, observations[:count], actions[:count], rewards[:count], starts)
