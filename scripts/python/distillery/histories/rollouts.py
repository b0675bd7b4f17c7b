"""The dataset `rollouts`: what was appended to a stream, and where (Sources/Histories/StreamLayout.swift)."""

import numpy as np
import numpy.typing as npt

FIELDS = (
    "sequence",
    "first_step",
    "length",
    "policy_version",
    "incarnation",
    "checksum",
    "wall_clock",
    "first_episode",
)
SEQUENCE, FIRST_STEP, LENGTH, POLICY_VERSION, INCARNATION, CHECKSUM, WALL_CLOCK, FIRST_EPISODE = range(len(FIELDS))

Rollouts = npt.NDArray[np.uint64]
"""(R, 8), a column for each of `FIELDS`."""


def unbroken(rollouts: Rollouts, rows: int) -> int:
    """How many of `rollouts` continue each other: up to the first with a wrong number or place, or never written.

    `rows`: rows that every column of transitions has.
    """
    if not len(rollouts):
        return 0
    length = rollouts[:, LENGTH]
    # A length beyond the rows is damage, and its sum could wrap around.
    fits = np.logical_and.accumulate(length <= np.uint64(rows))
    length = np.where(fits, length, np.uint64(0))
    ends = np.cumsum(length, dtype=np.uint64)
    sound = (
        fits
        & (ends <= np.uint64(rows))
        & (rollouts[:, FIRST_STEP] == ends - length)
        & (rollouts[:, SEQUENCE] == np.arange(len(rollouts), dtype=np.uint64))
        & (rollouts[:, WALL_CLOCK] > 0)
    )
    return int(np.logical_and.accumulate(sound).sum())


def rows_of(rollouts: Rollouts) -> int:
    """Rows of a stream with these unbroken rollouts."""
    return int(rollouts[-1, FIRST_STEP] + rollouts[-1, LENGTH]) if len(rollouts) else 0


def cuts(rollouts: Rollouts) -> npt.NDArray[np.int64]:
    """First rows of the rollouts whose incarnation is another than that before: an episode under way ends there."""
    changes = np.flatnonzero(rollouts[1:, INCARNATION] != rollouts[:-1, INCARNATION]) + 1
    return rollouts[changes, FIRST_STEP].astype(np.int64)
