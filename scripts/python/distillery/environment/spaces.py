"""Gymnasium's spaces, as streams store their elements: little-endian, row by row, without padding."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from . import environment_pb2 as wire

# The most of what one element may take, in bytes: a picture of 2048 x 2048 with four colours.
LARGEST_ELEMENT_BYTES = 16 << 20
_LARGEST_FLOAT = float(np.finfo(np.float32).max)


class UnsupportedSpace(ValueError):
    """A space that streams cannot store."""


class StoredSpace:
    """A space of Gymnasium's with the way its elements are stored.

    ``Discrete`` (any start), ``MultiDiscrete`` and ``MultiBinary`` become integers from 0; ``Box`` becomes uint8, int32 or
    float32. Bounds of a box are the least and the largest of all its numbers; an infinite one becomes the largest float32.
    """

    def __init__(self, space: gymnasium.Space[Any]) -> None:
        self.space = space
        self.offset: Any = 0
        self.low: float = 0
        self.high: float = 0
        self.counts: list[int] = []
        if isinstance(space, gymnasium.spaces.Discrete):
            self.shape: tuple[int, ...] = ()
            self.offset = int(space.start)
            self.counts = [int(space.n)]
            self.kind = "discrete"
        elif isinstance(space, gymnasium.spaces.MultiDiscrete):
            self.counts = [int(count) for count in space.nvec.reshape(-1)]
            self.offset = np.asarray(getattr(space, "start", 0)).astype(np.int64).reshape(-1)
            self.shape = (len(self.counts),)
            self.kind = "multi_discrete"
        elif isinstance(space, gymnasium.spaces.MultiBinary):
            self.shape = (int(np.prod(space.shape)),)
            self.counts = [2] * self.shape[0]
            self.kind = "multi_discrete"
        elif isinstance(space, gymnasium.spaces.Box):
            self._init_box(space)
        else:
            raise UnsupportedSpace(
                f"expected a Discrete, MultiDiscrete, MultiBinary or Box space, found {space}; a wrapper can make one of it, "
                "such as gymnasium.wrappers:FlattenObservation"
            )
        if self.kind != "box":
            self.dtype = np.dtype("u1" if max(self.counts) <= 256 else "<i4")
            self.low, self.high = 0, max(self.counts) - 1
        self.count = int(np.prod(self.shape, dtype=np.int64))
        self.width = self.count * self.dtype.itemsize
        if not 0 < self.width <= LARGEST_ELEMENT_BYTES:
            raise UnsupportedSpace(
                f"expected elements of 1 to {LARGEST_ELEMENT_BYTES} bytes, those of {space} have {self.width}")

    def _init_box(self, space: gymnasium.spaces.Box) -> None:
        self.kind = "box"
        self.shape = tuple(int(size) for size in space.shape)
        self.low, self.high = float(np.min(space.low)), float(np.max(space.high))
        if space.dtype == np.uint8:
            self.dtype = np.dtype("u1")
        elif np.issubdtype(space.dtype, np.integer) or space.dtype == np.bool_:
            self.dtype = np.dtype("<i4")
            limits = np.iinfo(np.int32)
            self.low, self.high = max(self.low, float(limits.min)), min(self.high, float(limits.max))
        else:
            self.dtype = np.dtype("<f4")
            self.low, self.high = max(self.low, -_LARGEST_FLOAT), min(self.high, _LARGEST_FLOAT)

    def message(self) -> wire.Space:
        """The space as the protocol has it."""
        if self.kind == "discrete":
            return wire.Space(discrete=wire.Discrete(count=self.counts[0]))
        if self.kind == "multi_discrete":
            return wire.Space(multi_discrete=wire.MultiDiscrete(counts=self.counts))
        element = {"u1": wire.UINT8, "<i4": wire.INT32, "<f4": wire.FLOAT32}[self.dtype.str.removeprefix("|")]
        return wire.Space(box=wire.Box(shape=self.shape, element=element, low=self.low, high=self.high))

    def zeros(self, rows: int) -> np.ndarray:
        """Memory for so many elements: (rows, numbers)."""
        return np.zeros((rows, self.count), self.dtype)

    def store(self, element: Any, row: np.ndarray, what: str) -> None:
        """Writes an element into a row of ``zeros``. Raises ``ValueError`` for what is not of the space.

        A float beyond its bound by rounding is taken for the bound; what is no number is refused.
        """
        if self.kind == "discrete":
            value = int(element) - self.offset
            if not 0 <= value < self.counts[0]:
                raise ValueError(f"{what} is {element!r}, expected an element of {self.space}")
            row[0] = value
            return
        array = np.asarray(element)
        if array.size != self.count or array.dtype == object:
            raise ValueError(f"{what} has the shape {array.shape} of {array.dtype}, expected an element of {self.space}")
        array = array.reshape(-1)
        if self.dtype.kind == "f":
            if not np.isfinite(array).all():
                raise ValueError(f"{what} has numbers that are none: {_excerpt(array)}, expected an element of {self.space}")
            np.clip(array, self.low, self.high, out=row, casting="unsafe")
            return
        if self.kind == "multi_discrete":
            array = array.astype(np.int64) - self.offset
            inside = ((array >= 0) & (array < np.asarray(self.counts))).all()
        elif array.dtype == self.dtype and self.low <= 0 and self.high >= 255 and self.dtype.itemsize == 1:
            inside = True
        else:
            inside = bool((array >= self.low).all() and (array <= self.high).all())
        if not inside:
            raise ValueError(f"{what} is {_excerpt(array)}, expected an element of {self.space}")
        row[:] = array

    def store_all(self, elements: list[Any], rows: np.ndarray, what: str) -> None:
        """Writes an element into each of ``rows``, at once where they can be. Raises ``ValueError`` as ``store`` does.

        One pass over all copies costs a tenth of one call for each; only where it finds something wrong are elements looked at
        one by one, to name the first.
        """
        try:
            array = np.asarray(elements)
            if array.dtype.kind in "fiub" and array.size == rows.size and self._is_stored_as_it_is(array):
                np.subtract(array.reshape(rows.shape), self.offset, out=rows, casting="unsafe")
                return
        except (ValueError, TypeError):
            # Elements of different shapes, or what is no number.
            pass
        for index, element in enumerate(elements):
            self.store(element, rows[index], f"{what} of copy {index}")

    def _is_stored_as_it_is(self, array: np.ndarray) -> bool:
        """Whether all numbers are in range, and of a kind that loses nothing: the ranges of components are not looked at."""
        if self.kind == "multi_discrete" or (self.dtype.kind != "f" and array.dtype.kind == "f"):
            return False
        low, high = (self.low + self.offset, self.high + self.offset) if self.kind == "discrete" else (self.low, self.high)
        if array.dtype == np.uint8 and low <= 0 and high >= 255:
            return True
        # NaN is neither.
        return bool(array.min() >= low and array.max() <= high)

    def elements(self, data: bytes, rows: int) -> list[Any]:
        """The elements in ``data`` (rows, numbers), as the environment takes them. Raises ``ValueError``."""
        if len(data) != rows * self.width:
            raise ValueError(f"expected {rows} x {self.width} bytes of {self.space}, found {len(data)}")
        numbers = np.frombuffer(data, self.dtype).reshape(rows, self.count)
        # A comparison with NaN is false.
        if not ((numbers >= self.low) & (numbers <= self.high)).all():
            raise ValueError(f"an action outside of {self.space}")
        if self.kind == "discrete":
            values = numbers[:, 0].astype(np.int64) + self.offset
            return list(values) if self.space.dtype == np.int64 else list(values.astype(self.space.dtype))
        if self.kind == "multi_discrete":
            if (numbers >= np.asarray(self.counts)).any():
                raise ValueError(f"an action outside of {self.space}")
            numbers = numbers.astype(np.int64) + self.offset
        return [row.reshape(self.space.shape).astype(self.space.dtype) for row in numbers]


def _excerpt(array: np.ndarray) -> str:
    """The beginning of an array, for an error."""
    return np.array2string(array[:8], separator=", ") + (" ..." if array.size > 8 else "")
