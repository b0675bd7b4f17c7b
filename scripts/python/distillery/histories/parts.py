"""The part of each stream that windows are drawn from, as tables (Sources/Distillation/StreamPart.swift)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .returns import EpisodeReturns
from .settings import WindowSettings
from .store import StoredStream

Int64s = npt.NDArray[np.int64]

_WEIGHT_OF_BEST_ROW = 65_536.0
"""The weight of a row of the stream that improves best; that of all others is in proportion, in whole numbers."""


@dataclass(frozen=True)
class StreamPart:
    """Whole episodes of a stream from `first` to below `end`, of which every `every`-th is shown.

    `skipped`: rows of the first episode that do not belong to the part; above 0 only where it is less than one episode.
    """

    stream: StoredStream
    every: int
    first: int
    end: int
    skipped: int
    row_count: int
    rise: float

    @staticmethod
    def of(stream: StoredStream, settings: WindowSettings) -> "StreamPart":
        needs_returns = settings.expert_share is not None or settings.weighting == "improvement"
        returns = EpisodeReturns(stream.rewards, stream.starts) if needs_returns else None
        end = returns.episodes(settings.expert_share) if returns else stream.episode_count
        starts = stream.starts
        rows = int(starts[end])
        row = rows - max(1, min(rows, math.ceil(settings.last_share * float(rows))))
        # The first episode that begins in the part, or where none does, the one that it lies in.
        first = min(int(np.searchsorted(starts[:end], row)), end - 1)
        skipped = max(0, row - int(starts[first]))
        return StreamPart(
            stream=stream,
            every=settings.every(end),
            first=first,
            end=end,
            skipped=skipped,
            row_count=rows - int(starts[first]) - skipped,
            rise=returns.steady_rise if returns else 0.0,
        )

    @property
    def shown_rows(self) -> int:
        """Rows that one window's thinning leaves, about."""
        return max(1, self.row_count // self.every)


def weights(
    parts: list[StreamPart], settings: WindowSettings, optimum: Callable[[int], float | None]
) -> tuple[list[int], bool]:
    """The weight of each part, and whether weights are other numbers than the rows."""
    rises = [_scaled_rise(part, optimum) for part in parts] if settings.weighting == "improvement" else []
    best = max(rises, default=0.0)
    improves = best > 0
    found: list[int] = []
    for number, part in enumerate(parts):
        of_row = _rounded(rises[number] / best * _WEIGHT_OF_BEST_ROW) if improves else 1
        found.append((part.row_count if settings.shown_episodes is None else part.shown_rows) * of_row)
    return found, improves or settings.shown_episodes is not None


def _scaled_rise(part: StreamPart, optimum: Callable[[int], float | None]) -> float:
    """Of the best possible return, where that is known."""
    best = optimum(part.stream.metadata.task)
    rise = part.rise / (best if best is not None and best > 0 else 1.0)
    return rise if math.isfinite(rise) else 0.0


def _rounded(value: float) -> int:
    """Halves away from zero; of numbers from 0."""
    whole = math.floor(value)
    return whole + (1 if value - whole >= 0.5 else 0)


class PartTables:
    """All parts for drawing many windows at once: P parts, E episodes of them, N rows of their streams.

    Episodes of a part that are shown together (every k-th) are a class; `order` lays the rows of a class end to end, so
    that a window is a piece of it. Where every episode is shown the rows lie so already, and there is no `order`.
    """

    def __init__(self, parts: list[StreamPart], part_weights: list[int]) -> None:
        def column(values: list[int]) -> Int64s:
            return np.array(values, np.int64)

        streams = [part.stream for part in parts]
        self.weight_before = np.cumsum(column([0, *part_weights]), dtype=np.int64)
        self.observations = _joined([stream.observations for stream in streams])
        self.actions = _joined([stream.actions for stream in streams])
        self.rewards: npt.NDArray[np.float32] = _joined([stream.rewards for stream in streams])
        # The columns of a stream are from now on pieces of the joined ones, so that they are in memory once.
        offset = 0
        for stream in streams:
            rows = slice(offset, offset + stream.row_count)
            stream.observations, stream.actions, stream.rewards = (
                self.observations[rows],
                self.actions[rows],
                self.rewards[rows],
            )
            offset += stream.row_count
        row_base = np.cumsum(column([0] + [stream.row_count for stream in streams]))[:-1]
        self.row_count = column([part.row_count for part in parts])
        self.skipped = column([part.skipped for part in parts])
        self.every = column([part.every for part in parts])
        self.episodes = column([part.end - part.first for part in parts])
        begins = [part.stream.starts[part.first : part.end] + base for part, base in zip(parts, row_base)]
        # (E) first rows among all rows, which rise; those of a part begin at `episode_base`.
        self.starts: Int64s = _joined(begins)
        self.episode_base = np.cumsum(np.append(np.zeros(1, np.int64), self.episodes))[:-1]
        self.first_row = column([int(part[0]) for part in begins])
        self._lay_out(parts, row_base)

    def _lay_out(self, parts: list[StreamPart], row_base: Int64s) -> None:
        """Fills `order`, and for each class where it begins in it and how many rows it has."""
        classes = np.minimum(self.every, self.episodes)
        self.class_base = np.cumsum(np.append(np.zeros(1, np.int64), classes))[:-1]
        begins: list[Int64s] = []
        lengths: list[Int64s] = []
        orders: list[Int64s] = []
        is_thinned = bool((self.every > 1).any())
        laid = 0
        for part, base in zip(parts, row_base):
            starts = part.stream.starts[part.first : part.end + 1]
            rows = np.diff(starts)
            kind = np.arange(len(rows)) % part.every
            of_class = np.bincount(kind, weights=rows).astype(np.int64)
            lengths.append(of_class)
            if not is_thinned:
                begins.append(starts[:1] + base)
                continue
            begins.append(laid + np.cumsum(of_class) - of_class)
            sequence = np.argsort(kind, kind="stable")
            first, count = starts[:-1][sequence] + base, rows[sequence]
            places = np.cumsum(count) - count
            orders.append(np.repeat(first - places, count) + np.arange(int(count.sum())))
            laid += int(of_class.sum())
        self.class_begin: Int64s = _joined(begins)
        self.class_rows: Int64s = _joined(lengths)
        self.order: Int64s | None = _joined(orders) if is_thinned else None


def _joined(pieces: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return np.concatenate(pieces) if pieces else np.zeros(0, np.int64)
