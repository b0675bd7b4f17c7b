"""A run's streams for an export, piece by piece, so that memory stays bounded however long they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..histories import Environment, Histories, HistoriesError, Stream, StreamEntry
from ..histories.rollouts import FIRST_STEP, LENGTH
from ..histories.stream import columns_of
from .errors import ExchangeError

PIECE_BYTES = 8 << 20
"""Of rows that are in memory at a time; more only where one episode is longer."""

Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Names:
    """The columns of an environment's streams: those with a row a transition, and the final observations."""

    stored: str

    @property
    def rows(self) -> tuple[str, ...]:
        return (self.stored, "actions", "rewards", "terminations", "truncations")

    @property
    def finals(self) -> str:
        return f"final_{self.stored}"


def row_bytes(environment: Environment) -> int:
    """Of a transition in all columns."""
    columns = columns_of(environment)
    return sum(_size(columns[name]) for name in Names(environment.stored_name).rows)


def _size(space: Any) -> int:
    return int(np.prod(space.shape, dtype=np.int64)) * int(space.dtype.itemsize)


def stream_bytes(stream: Stream) -> int:
    """Of all columns, uncompressed."""
    environment = stream.metadata.environment
    finals = int(stream.episodes.is_finished.sum()) * _size(environment.stored_space)
    return stream.row_count * row_bytes(environment) + finals + stream.rollouts.nbytes


def columns(stream: Stream, first: int, end: int) -> Columns:
    """Rows of every column of transitions."""
    return {name: stream.rows(name, first, end) for name in Names(stream.metadata.environment.stored_name).rows}


def row_ranges(stream: Stream) -> Iterator[tuple[int, int]]:
    """Ranges of rows of at most `PIECE_BYTES`, or one row. They begin at multiples of a power of two, as chunks do."""
    step = 1 << max(0, (PIECE_BYTES // row_bytes(stream.metadata.environment)).bit_length() - 1)
    for first in range(0, stream.row_count, step):
        yield first, min(first + step, stream.row_count)


def episode_ranges(stream: Stream) -> Iterator[tuple[int, int]]:
    """Ranges of episodes whose rows come to about `PIECE_BYTES`, at least one each."""
    starts = stream.episodes.first_row
    step = max(1, PIECE_BYTES // max(1, row_bytes(stream.metadata.environment)))
    first = 0
    while first < len(starts):
        end = max(first + 1, int(np.searchsorted(starts, starts[first] + step, side="right")) - 1)
        # The last episode has no begin behind it to be found.
        if end >= len(starts) - 1 and stream.row_count - int(starts[first]) <= step:
            end = len(starts)
        yield first, end
        first = end


def rollout_of_rows(stream: Stream, first: int, end: int) -> npt.NDArray[np.int64]:
    """The rollout (its row in `rollouts`) of each of these rows."""
    held = np.flatnonzero(stream.rollouts[:, LENGTH])
    begins = stream.rollouts[held, FIRST_STEP].astype(np.int64)
    found: npt.NDArray[np.int64] = held[np.searchsorted(begins, np.arange(first, end), side="right") - 1]
    return found


def streams_of_one_environment(histories: Histories) -> Environment:
    """What all streams have in common. Raises `ExchangeError` where there are none, or of several environments.

    Opens each.
    """
    if not len(histories):
        raise ExchangeError(f"{histories.path}: there are no streams, expected at least one")
    common: tuple[Environment, StreamEntry] | None = None
    for entry in histories:
        environment = entry.metadata.environment
        if common is None:
            common = (environment, entry)
        elif environment != common[0]:
            differing = [
                name for name in ("name", "json", "horizon", "observation_space", "action_space", "stored_name", "stored_space")
                if getattr(environment, name) != getattr(common[0], name)
            ]  # fmt: skip
            raise ExchangeError(
                f"{entry.path} is of another environment than {common[1].path} ({', '.join(differing)} differ); "
                "expected streams of one, export them apart"
            )
    assert common
    return common[0]


def flags(stream_path: Path, name: str, values: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """0 and 1 as truth values. Raises `HistoriesError` for other numbers, which would not come back."""
    if len(values) and values.max() > 1:
        raise HistoriesError(f"{stream_path}: {name} should be 0 or 1, found {int(values.max())}")
    return values.view(np.bool_)
