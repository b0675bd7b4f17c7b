"""Spaces of observations and actions, as a stream's attributes declare them (Sources/Experience/Space.swift)."""

import json
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

LARGEST_ELEMENT_BYTES = 16 << 20
LARGEST_ARRAY = 64
"""Numbers of an array of bytes that still counts as a few integers; images are larger."""


@dataclass(frozen=True)
class Space:
    """The set that an observation or an action is drawn from, with Gymnasium's names.

    `counts`: values of each component of a `discrete` or `multi_discrete` space, from 0; empty for a `box`.
    `shape`: of one element, `()` for a single number. `low`, `high`: bounds of a box, both included.
    """

    kind: Literal["discrete", "multi_discrete", "box"]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    counts: tuple[int, ...] = ()
    low: float = -math.inf
    high: float = math.inf

    @staticmethod
    def parse(text: str) -> "Space":
        """Reads the JSON of an attribute. Raises `ValueError` for anything else and for spaces of absurd size."""
        expected = f'expected a space such as {{"type":"discrete","n":5}}, found {text[:80]!r}'
        try:
            found = json.loads(text)
        except ValueError:
            raise ValueError(expected) from None
        if not isinstance(found, dict):
            raise ValueError(expected)
        match found.get("type"):
            case "discrete" if _are_counts([found.get("n")]):
                return Space("discrete", (), _integer_type([found["n"]]), (found["n"],))
            case "multi_discrete" if _are_counts(found.get("nvec")):
                counts = tuple(found["nvec"])
                return Space("multi_discrete", (len(counts),), _integer_type(counts), counts)
            case "box" if _are_sizes(found.get("shape")) and found.get("dtype") in ("uint8", "int32", "float32"):
                dtype = np.dtype(found["dtype"])
                low, high = found.get("low", -math.inf), found.get("high", math.inf)
                fits = math.prod(found["shape"]) * dtype.itemsize <= LARGEST_ELEMENT_BYTES
                if fits and all(isinstance(bound, int | float) for bound in (low, high)):
                    return Space("box", tuple(found["shape"]), dtype, (), float(low), float(high))
        raise ValueError(expected)

    @property
    def table_counts(self) -> tuple[int, ...] | None:
        """Values of each component, where an element is a few integers that have rows in an embedding table; else None.

        As IntegerComponents.swift has it: small boxes of bytes count too.
        """
        if self.kind != "box":
            return self.counts
        size = math.prod(self.shape)
        if self.dtype != np.uint8 or size > LARGEST_ARRAY or self.low < 0 or self.high > 255:
            return None
        return (int(self.high) + 1,) * size

    def first_outside(self, elements: npt.NDArray[Any]) -> int | None:
        """The first of `elements` (N, *shape) that is not in the space; NaN is in none. None where all are."""
        flat = elements.reshape(len(elements), math.prod(self.shape))
        if self.kind == "box":
            if np.issubdtype(self.dtype, np.integer):
                numbers = np.iinfo(self.dtype)
                if self.low <= numbers.min and numbers.max <= self.high:
                    return None
            inside = (flat >= np.float64(self.low)) & (flat <= np.float64(self.high))
        else:
            inside = (flat >= 0) & (flat < np.array(self.counts, dtype=np.int64))
        bad = ~inside.all(axis=1)
        return int(bad.argmax()) if bad.any() else None

    def __str__(self) -> str:
        if self.kind == "discrete":
            return f"Discrete({self.counts[0]})"
        if self.kind == "multi_discrete":
            return f"MultiDiscrete([{' '.join(map(str, self.counts))}])"
        return f"Box({self.low:g}, {self.high:g}, {self.shape}, {self.dtype.name})"


def _integer_type(counts: tuple[int, ...] | list[int]) -> np.dtype[Any]:
    return np.dtype(np.uint8 if all(count <= 256 for count in counts) else np.int32)


def _are_counts(values: object) -> bool:
    return (
        isinstance(values, list)
        and 1 <= len(values) <= 65_536
        and all(type(value) is int and 1 <= value < 1 << 31 for value in values)
    )


def _are_sizes(values: object) -> bool:
    return (
        isinstance(values, list)
        and len(values) <= 8
        and all(type(value) is int and 1 <= value <= LARGEST_ELEMENT_BYTES for value in values)
    )
