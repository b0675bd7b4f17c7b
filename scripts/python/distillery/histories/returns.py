"""How a stream learns, by the returns of its episodes (Sources/Distillation/Streams/EpisodeReturns.swift)."""

import numpy as np
import numpy.typing as npt

_PIECES = 20
"""Pieces of a life whose mean returns are compared; as many as there are episodes where those are fewer."""
_EXPERT_RISE = 0.9
"""Of a life's largest rise, what has to be made for the stream to be at the expert."""


class EpisodeReturns:
    """Sums are added up row by row as the original does, so that the last bit is the same."""

    def __init__(self, rewards: npt.NDArray[np.float32], starts: npt.NDArray[np.int64]) -> None:
        """`rewards` (N); `starts` (E + 1): first row of every episode, the end last."""
        # cumsum adds in order, in double precision.
        running = np.concatenate([np.zeros(1), np.cumsum(rewards, dtype=np.float64)])
        self._sums = running[starts]
        self._count = len(starts) - 1

    @property
    def steady_rise(self) -> float:
        """The mean return of the last piece above that of the first, times the share of all ups and downs that it is."""
        count = self._count
        pieces = min(_PIECES, count)
        if pieces <= 1:
            return 0.0
        bounds = [number * count // pieces for number in range(pieces + 1)]
        means = [
            float(self._sums[end] - self._sums[first]) / float(end - first) for first, end in zip(bounds, bounds[1:])
        ]
        moved = 0.0
        for before, now in zip(means, means[1:]):
            moved += abs(now - before)
        rise = means[-1] - means[0]
        return rise * (rise / moved) if rise > 0 else 0.0

    def episodes(self, expert_share: float | None) -> int:
        """How many episodes, from the first on, have at most this share at the expert; all without a share."""
        first = None if expert_share is None else self._expert_begin
        if expert_share is None or first is None:
            return self._count
        return max(1, int(min(float(self._count), np.floor(float(first) / (1 - expert_share)))))

    @property
    def _expert_begin(self) -> int | None:
        count = self._count
        length = max(1, count // _PIECES)
        if count < length:
            return None
        means = (self._sums[length:] - self._sums[: count - length + 1]) / float(length)
        best = means.max()
        if not best > means[0]:
            return None
        return int((means >= means[0] + _EXPERT_RISE * (best - means[0])).argmax())
