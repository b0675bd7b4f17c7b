"""Draws windows from learning histories: the same as Sources/Distillation/WindowSampler.swift, many at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .errors import HistoriesError
from .folder import Histories
from .metadata import Environment
from .parts import PartTables, StreamPart, weights
from .philox import PURPOSE_MASKING, PURPOSE_WINDOWS, Philox, UInt64s, Words, pick, unit
from .settings import WindowSettings
from .spaces import Space
from .store import StreamStore

Int64s = npt.NDArray[np.int64]

_LOW = np.uint64(0xFFFF_FFFF)
MASKED_ACTION, MASKED_REWARD = 1, 2
"""Bits of `WindowBatch.masked`."""


@dataclass(frozen=True)
class WindowBatch:
    """B windows of c rows as a model reads them (Sources/Models/WindowBatch.swift).

    Previous action and reward are those of the row before in the same window, even where an episode ends between the
    two; the first row has the action "none", number A, and reward 0. Rows behind a short stream's end are padding:
    observation 0, previous action "none", previous reward 0, action 0, not taught.

    `observations`: (B, c, *shape) as streams store them. `previous_actions`: (B, c) int32. `previous_rewards`: (B, c)
    float32. `masked`: (B, c) uint8, which of previous action (1) and previous reward (2) are hidden. `actions`: (B, c)
    int32, to be predicted. `taught`: (B, c), whether the action counts in the loss. `is_padding`: (B, c).
    """

    observations: npt.NDArray[Any]
    previous_actions: npt.NDArray[np.int32]
    previous_rewards: npt.NDArray[np.float32]
    masked: npt.NDArray[np.uint8]
    actions: npt.NDArray[np.int32]
    taught: npt.NDArray[np.bool_]
    is_padding: npt.NDArray[np.bool_]
    table_counts: tuple[int, ...] | None

    @cached_property
    def components(self) -> npt.NDArray[np.int32]:
        """(B, c, width) rows of the table `embed.observation`: value v of component i is row `counts[:i].sum() + v`.

        Padding is row 0. Raises `HistoriesError` where observations are not a few integers.
        """
        if self.table_counts is None:
            raise HistoriesError("observations are not a few integers from 0: there are no components, use observations")
        offsets = np.cumsum((0, *self.table_counts[:-1])).astype(np.int32)
        found = self.observations.reshape(*self.actions.shape, len(offsets)) + offsets
        found[self.is_padding] = 0
        return found


class WindowSampler:
    """Windows of c rows of every k-th episode, from a random place or from a life's beginning.

    Window (step, index) is a function of the seed, of the settings and of what the streams hold: bit for bit the one
    that Distillery's distiller draws with the same `distil.windows`, `context_length`, `masking_probability` and seed
    (`distil.training.seed`), where all streams fit in its memory. Streams are held in memory as a whole.
    """

    def __init__(
        self,
        histories: Histories | str | Path,
        *,
        length: int,
        seed: int,
        settings: WindowSettings | None = None,
        masking_probability: float = 0.0,
        masks_together: bool = True,
        growing: bool = False,
        leave_out_damaged: bool = False,
        observations: Literal["seen", "stored"] = "seen",
        tasks: Sequence[int] | None = None,
        optimum: Callable[[int], float | None] | Mapping[int, float] | None = None,
    ) -> None:
        """Reads all streams that count: those of train tasks that are sealed, with `growing` also those that grow.

        `length`: transitions of a window, c. `masks_together`: whether previous action and reward share a token, and so
        their masking, as in the token layout `merged`; not in `separate`. `observations`: "stored" for streams that
        store something else than what is seen, such as poses of the Watermaze: windows then hold what is stored.
        `leave_out_damaged`: a damaged stream is left out, as the distiller does, and `left_out` says why.
        `tasks`: ids of the train tasks of which the first `settings.tasks` count; those of the streams by default.
        `optimum`: the best possible return of a task, used with `weighting` "improvement"; by default the run's
        catalogue. Raises `HistoriesError` where there is no whole episode, `StreamError` for a damaged stream.
        """
        self.histories = histories if isinstance(histories, Histories) else Histories(histories)
        self.settings = settings or WindowSettings()
        self.length, self.seed = length, seed
        if not isinstance(length, int) or length < 1:
            raise HistoriesError(f"a window's length is {length!r}, expected a whole number of transitions from 1")
        if not 0 <= masking_probability <= 1:
            raise HistoriesError(f"masking_probability is {masking_probability!r}, expected from 0 to 1")
        if observations not in ("seen", "stored"):
            raise HistoriesError(f"observations is {observations!r}, expected 'seen' or 'stored'")
        self._masking = np.float32(masking_probability)
        self._masks_together = masks_together
        self._observations = observations
        self._generator = Philox.of_seed(seed)
        self._optimum = optimum
        self._store = StreamStore(
            self.histories,
            self.settings,
            growing=growing,
            tasks=None if tasks is None else list(tasks),
            leave_out_damaged=leave_out_damaged,
        )
        self._tables: PartTables | None = None
        self.refresh()
        if not self.row_count and not growing:
            raise HistoriesError(
                f"{self.histories.path}: there is no whole episode in {self.stream_count} streams that count: sealed "
                "ones of train tasks; with growing=True also those that still grow"
            )

    def refresh(self) -> bool:
        """Takes in what was recorded since; whether there was anything. It costs a look at every file, what is read
        anew of those that changed, and where one did, a copy of all streams in memory."""
        if not self._store.refresh() and self._tables is not None:
            return False
        if self._store.environment is not None:
            self._check_spaces()
        self._parts = [StreamPart.of(stream, self.settings) for stream in self._store.streams if stream.episode_count]
        part_weights, self._is_weighted = weights(self._parts, self.settings, self._best_return)
        self._tables = PartTables(self._parts, part_weights)
        return True

    @property
    def stream_count(self) -> int:
        """Streams that windows are drawn from."""
        return len(self._parts)

    @property
    def row_count(self) -> int:
        """Rows that windows are drawn from."""
        return sum(part.row_count for part in self._parts)

    @property
    def left_out(self) -> dict[str, str]:
        """Why streams are left out that could not be read, by their paths."""
        return dict(self._store.left_out)

    @property
    def tasks(self) -> list[int]:
        """Ids of the tasks of the streams that windows are drawn from, ascending."""
        return sorted({part.stream.metadata.task for part in self._parts})

    @property
    def environment(self) -> Environment:
        """Of all streams. Raises `HistoriesError` where no stream was read yet."""
        if self._store.environment is None:
            raise HistoriesError(f"{self.histories.path}: there is no stream yet that counts")
        return self._store.environment

    @property
    def columns(self) -> tuple[npt.NDArray[Any], ...]:
        """What windows are pieces of: observations, actions and rewards of all streams end to end, and the first row of
        each episode that is shown. Not to be written to."""
        if self._tables is None:
            return ()
        return self._tables.observations, self._tables.actions, self._tables.rewards, self._tables.starts

    @property
    def action_count(self) -> int:
        """A; the action "none" has this number."""
        return self._action_space.counts[0]

    @property
    def observation_space(self) -> Space:
        """Of what windows hold."""
        return self._observation_space

    def batch(self, step: int, windows: int | Sequence[int]) -> WindowBatch:
        """Windows of the batch of optimiser step `step`, from 0: numbers 0 to below `windows`, or those listed.

        Raises `HistoriesError` where there is no whole episode yet.
        """
        indices = np.arange(windows) if isinstance(windows, int) else np.asarray(windows, np.int64).reshape(-1)
        return self.windows(np.full(len(indices), step, np.int64), indices)

    def windows(self, steps: Int64s, indices: Int64s) -> WindowBatch:
        """Windows (step, index) for each of `steps` (B) and `indices` (B)."""
        tables = self._tables
        if tables is None or not self.row_count:
            raise HistoriesError(f"{self.histories.path}: there is no whole episode yet: nothing to draw from")
        step, index = _counters("step", steps, 1 << 63), _counters("index", indices, 1 << 32)
        begin, available, from_start = self._places(tables, step, index)
        return self._gather(tables, begin, available, from_start, self._masks(step, index))

    def _places(
        self, tables: PartTables, step: UInt64s, index: UInt64s
    ) -> tuple[Int64s, Int64s, npt.NDArray[np.bool_]]:
        """For each window: where it begins in the order of shown rows, how many rows follow there, and whether that is
        a life's beginning."""
        words, more = self._words(step, index)
        total = tables.weight_before[-1:].astype(np.uint64)
        # A row of all rows: its stream, and with it which of the stream's episodes are kept.
        drawn = pick(words[1], words[2], total)
        part = np.searchsorted(tables.weight_before, drawn, side="right") - 1
        every, episodes, skipped = tables.every[part], tables.episodes[part], tables.skipped[part]
        at_start = unit(words[0]) < np.float32(self.settings.share_from_start)
        offset = pick(more[0], more[1], np.minimum(every, episodes).astype(np.uint64))
        if tables.order is not None:
            offset = np.where(at_start, offset, self._drawn_episode(tables, part, drawn, more) % every)
        else:
            offset[:] = 0
        kind = tables.class_base[part] + offset
        rows = tables.class_rows[kind]
        # A window that began later would reach beyond the stream's end.
        last = np.maximum(0, rows - skipped - self.length)
        begin = np.where(at_start, 0, pick(more[0], more[1], (last + 1).astype(np.uint64))) + skipped
        return tables.class_begin[kind] + begin, rows - begin, at_start | (begin == skipped)

    def _drawn_episode(self, tables: PartTables, part: Int64s, drawn: Int64s, more: Words) -> Int64s:
        """The episode, counted in its part, in which the drawn row lies."""
        if self._is_weighted:
            row = pick(more[2], more[3], tables.row_count[part].astype(np.uint64))
        else:
            row = drawn - tables.weight_before[part]
        row = row + tables.first_row[part] + tables.skipped[part]
        return np.searchsorted(tables.starts, row, side="right") - 1 - tables.episode_base[part]

    def _gather(
        self,
        tables: PartTables,
        begin: Int64s,
        available: Int64s,
        from_start: npt.NDArray[np.bool_],
        masked: npt.NDArray[np.uint8],
    ) -> WindowBatch:
        columns = np.arange(self.length)
        padding = columns >= available[:, None]
        has_padding = bool(padding.any())
        places = begin[:, None] + (np.minimum(columns, available[:, None] - 1) if has_padding else columns)
        rows = places if tables.order is None else tables.order.take(places)
        # `take` moves whole rows, many times faster than an index where a row is of several numbers.
        observations = tables.observations.take(rows, axis=0)
        actions = tables.actions.take(rows).astype(np.int32)
        previous_actions = np.empty_like(actions)
        previous_actions[:, 0] = self.action_count
        previous_actions[:, 1:] = actions[:, :-1]
        previous_rewards = np.zeros(actions.shape, np.float32)
        previous_rewards[:, 1:] = tables.rewards.take(rows[:, :-1])
        everything = from_start if not self.settings.teach_first_half else np.ones_like(from_start)
        taught = columns >= np.where(everything, 0, self.length // 2)[:, None]
        if has_padding:
            observations[padding] = 0
            actions[padding] = 0
            previous_actions[padding] = self.action_count
            previous_rewards[padding] = 0
            taught &= ~padding
        return WindowBatch(
            observations=observations,
            previous_actions=previous_actions,
            previous_rewards=previous_rewards,
            masked=masked,
            actions=actions,
            taught=taught,
            is_padding=padding,
            table_counts=self._observation_space.table_counts,
        )

    def _words(self, step: UInt64s, index: UInt64s) -> tuple[Words, Words]:
        """Those of lanes 0 and 1, drawn together."""
        count = len(step)
        purpose = np.repeat(np.array([PURPOSE_WINDOWS, PURPOSE_WINDOWS | 1 << 8], np.uint64), count)
        both = np.tile(step, 2)
        words = self._generator.block(purpose, both & _LOW, both >> np.uint64(32), np.tile(index, 2))
        first, second = (tuple(word[part] for word in words) for part in (slice(0, count), slice(count, None)))
        return first, second  # type: ignore[return-value]

    def _masks(self, step: UInt64s, index: UInt64s) -> npt.NDArray[np.uint8]:
        """(B, c)"""
        shape = (len(step), self.length)
        if not self._masking > 0:
            return np.zeros(shape, np.uint8)
        words = self._generator.block(
            np.full(shape[0] * shape[1], PURPOSE_MASKING, np.uint64),
            np.repeat(step & _LOW, self.length),
            np.repeat(index, self.length),
            np.tile(np.arange(self.length, dtype=np.uint64), shape[0]),
        )
        first = unit(words[0]) < self._masking
        second = first if self._masks_together else unit(words[1]) < self._masking
        return (first * np.uint8(MASKED_ACTION) + second * np.uint8(MASKED_REWARD)).reshape(shape)

    def _check_spaces(self) -> None:
        environment = self._store.environment
        assert environment is not None
        if environment.action_space.kind != "discrete":
            raise HistoriesError(f"actions are {environment.action_space}, expected Discrete to be predicted by a model")
        if environment.has_view and self._observations == "seen":
            raise HistoriesError(
                f"streams of {environment.name} store {environment.stored_name} ({environment.stored_space}) in place of "
                f"the observations that are seen ({environment.observation_space}), which only Distillery draws: ask for "
                "observations='stored', or record with the environment's setting store: frames"
            )
        self._action_space = environment.action_space
        self._observation_space = environment.stored_space

    def _best_return(self, task: int) -> float | None:
        if callable(self._optimum):
            return self._optimum(task)
        return (self.histories.optimal_returns if self._optimum is None else self._optimum).get(task)


def _counters(name: str, numbers: Int64s, limit: int) -> UInt64s:
    found = np.asarray(numbers)
    if len(found) and (int(found.min()) < 0 or int(found.max()) >= limit):
        raise HistoriesError(f"{name} is from {found.min()} to {found.max()}, expected from 0 to below {limit}")
    return found.astype(np.uint64)
