"""Episodes of a stream: from a first row to a flag, to a change of incarnation, or to the stream's end."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .rollouts import FIRST_EPISODE, FIRST_STEP, LENGTH, POLICY_VERSION, Rollouts, cuts, rows_of

ENDS = ("terminated", "truncated", "cut", "unfinished")
TERMINATED, TRUNCATED, CUT, UNFINISHED = range(len(ENDS))


@dataclass(frozen=True)
class Episodes:
    """All episodes of a stream in order, (E) of each; as Sources/Histories/Episode.swift tells them.

    `number`: as the environment was told at its reset. `first_row`, `length`: rows of the stream. `reward`: the sum of
    its rewards. `end`: an index of `ENDS`; a row with both flags counts as terminated. One that was cut (its carrier
    died) or is unfinished counts in no return and in no window. `policy_version`: of its first row.
    """

    number: npt.NDArray[np.int64]
    first_row: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    reward: npt.NDArray[np.float64]
    end: npt.NDArray[np.int8]
    policy_version: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.number)

    @property
    def is_finished(self) -> npt.NDArray[np.bool_]:
        """Which ended at a flag of the environment."""
        return self.end <= TRUNCATED

    @property
    def returns(self) -> npt.NDArray[np.float64]:
        """Of the finished episodes, in order."""
        return self.reward[self.is_finished]


def finished(flags: npt.NDArray[np.bool_], rollouts: Rollouts) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First and last rows of the episodes that ended at a flag. `flags`: (N) whether a row ends its episode."""
    last = np.flatnonzero(flags[: rows_of(rollouts)]).astype(np.int64)
    first = np.concatenate([np.zeros(min(1, len(last)), np.int64), last[:-1] + 1])
    changes = cuts(rollouts)
    if len(changes):
        before = np.searchsorted(changes, last, side="right") - 1
        first = np.maximum(first, np.where(before >= 0, changes[before], 0))
    return first, last


def all_episodes(
    rewards: npt.NDArray[np.float32],
    terminations: npt.NDArray[Any],
    truncations: npt.NDArray[Any],
    rollouts: Rollouts,
) -> Episodes:
    """The episodes of a stream. `rollouts` are unbroken, and the columns (N) have all rows that they cover."""
    rows = rows_of(rollouts)
    ended = (terminations[:rows] != 0) | (truncations[:rows] != 0)
    starts = np.unique(np.concatenate([np.zeros(1, np.int64), np.flatnonzero(ended) + 1, cuts(rollouts)]))
    starts = starts[starts < rows]
    stops = np.append(starts[1:], rows)[: len(starts)]
    last = stops - 1
    end = np.where(stops < rows, CUT, UNFINISHED).astype(np.int8)
    end[truncations[last] != 0] = TRUNCATED
    end[terminations[last] != 0] = TERMINATED
    rollout = _rollout_of(starts, rollouts)
    sums = np.add.reduceat(rewards[:rows].astype(np.float64), starts) if len(starts) else np.zeros(0)
    return Episodes(
        number=_numbers(starts, rollout, rollouts),
        first_row=starts,
        length=stops - starts,
        reward=sums,
        end=end,
        policy_version=rollouts[rollout, POLICY_VERSION].astype(np.int64),
    )


def _rollout_of(rows: npt.NDArray[np.int64], rollouts: Rollouts) -> npt.NDArray[np.int64]:
    """The rollout in which each row lies; those without rows hold none."""
    held = np.flatnonzero(rollouts[:, LENGTH])
    return held[np.searchsorted(rollouts[held, FIRST_STEP].astype(np.int64), rows, side="right") - 1]


def _numbers(
    starts: npt.NDArray[np.int64], rollout: npt.NDArray[np.int64], rollouts: Rollouts
) -> npt.NDArray[np.int64]:
    """An episode that begins with its rollout has the number that the rollout says, the next the one behind it."""
    own = rollouts[rollout, FIRST_STEP].astype(np.int64) == starts
    index = np.arange(len(starts))
    says = np.maximum.accumulate(np.where(own, index, -1))
    numbers: npt.NDArray[np.int64] = rollouts[rollout[says], FIRST_EPISODE].astype(np.int64) + index - says
    return numbers
