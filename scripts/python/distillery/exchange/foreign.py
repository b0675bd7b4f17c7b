"""Episodes of others as a stream: rollouts are made of them, and what a stream needs and they lack is filled in."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .pieces import row_bytes
from .sealed import SealedStream
from .summary import Progress, Summary

ROLLOUT_ROWS = 1024
ROLLOUT_BYTES = 4 << 20
"""A rollout has at most so many rows, or bytes of rows: as a recorder flushes them."""


@dataclass(frozen=True)
class EpisodeRows:
    """(T + 1, *shape) observations, and (T) of the others; of the types that the stream has."""

    observations: npt.NDArray[Any]
    actions: npt.NDArray[Any]
    rewards: npt.NDArray[np.float32]
    terminations: npt.NDArray[np.bool_]
    truncations: npt.NDArray[np.bool_]


Part = dict[str, npt.NDArray[Any]]
"""Rows by column, and `finals`: the last observations of the episodes that end in them."""


def append_episodes(stream: SealedStream, episodes: Iterable[EpisodeRows], summary: Summary, progress: Progress) -> None:
    """Every episode ends where a flag is. One whose last step has none is truncated there: what follows it is known.

    A flag within an episode ends one of the stream's, and what was observed next is its last observation.
    """
    append_parts(stream, map(_part, episodes), summary, progress)


def append_parts(stream: SealedStream, parts: Iterable[Part], summary: Summary, progress: Progress) -> None:
    """Makes rollouts of rows in order; those between two flags are an episode."""
    ended = 0
    limit = max(1, min(ROLLOUT_ROWS, ROLLOUT_BYTES // max(1, row_bytes(stream.environment))))
    waiting: list[Part] = []
    rows = 0
    for part in parts:
        waiting.append(part)
        rows += len(part["rewards"])
        summary.episodes += len(part["finals"])
        if rows >= limit:
            ended += _flush(stream, waiting, limit, ended, summary)
            waiting, rows = [], 0
            progress.advance(summary)
    if rows:
        _flush(stream, waiting, limit, ended, summary)


def _part(episode: EpisodeRows) -> Part:
    truncations = episode.truncations.astype(np.uint8)
    terminations = episode.terminations.astype(np.uint8)
    if len(truncations) and not terminations[-1]:
        truncations[-1] = 1
    last = np.flatnonzero(terminations | truncations)
    return {
        "observations": episode.observations[:-1],
        "actions": episode.actions,
        "rewards": episode.rewards,
        "terminations": terminations,
        "truncations": truncations,
        "finals": episode.observations[last + 1],
    }


def _flush(stream: SealedStream, waiting: list[Part], limit: int, ended: int, summary: Summary) -> int:
    """Rollouts of at most `limit` rows. Gives the episodes that ended in them."""
    rows = {name: np.concatenate([part[name] for part in waiting]) for name in waiting[0]}
    finals = rows.pop("finals")
    flags = (rows["terminations"] | rows["truncations"]) != 0
    total = 0
    for first in range(0, len(flags), limit):
        piece = {name: column[first : first + limit] for name, column in rows.items()}
        count = int(flags[first : first + limit].sum())
        stream.append_rollout(piece, finals[total : total + count], first_episode=ended + total)
        total += count
    summary.transitions += len(flags)
    summary.bytes += len(flags) * row_bytes(stream.environment)
    return total
