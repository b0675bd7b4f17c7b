"""Spaces of Gymnasium, and ours. Only Minari needs them."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..histories import Space
from .errors import ExchangeError, library

_KEPT = {np.dtype(name) for name in ("uint8", "int32", "float32")}
_WIDENED = {"bool": "uint8", "int8": "int32", "int16": "int32", "uint16": "int32", "float16": "float32"}
_NARROWED = {"int64": "int32", "uint32": "int32", "uint64": "int32", "float64": "float32"}


def to_gymnasium(space: Space) -> Any:
    """The same set, with the element type that streams have where the space has one."""
    spaces = library("gymnasium").spaces
    if space.kind == "discrete":
        return spaces.Discrete(space.counts[0])
    if space.kind == "multi_discrete":
        return spaces.MultiDiscrete(np.array(space.counts, np.int64))
    low, high = space.low, space.high
    if space.dtype != np.float32:
        # Integers have no infinite bounds in Gymnasium.
        limits = np.iinfo(space.dtype)
        low, high = max(low, limits.min), min(high, limits.max)
    return spaces.Box(space.dtype.type(low), space.dtype.type(high), space.shape, space.dtype.type)


def from_gymnasium(space: Any, what: str) -> Space:
    """The smallest of our spaces that holds it; a box has the least and the greatest of its bounds.

    Raises `ExchangeError` for dictionaries, tuples, texts, graphs and sequences, and for counts that do not begin at 0.
    """
    spaces = library("gymnasium").spaces
    if isinstance(space, spaces.Discrete) and space.start == 0:
        return Space.parse(f'{{"type":"discrete","n":{int(space.n)}}}')
    if isinstance(space, spaces.MultiDiscrete) and space.nvec.ndim == 1 and not np.any(getattr(space, "start", 0)):
        return Space.parse(f'{{"type":"multi_discrete","nvec":{space.nvec.tolist()}}}')
    if isinstance(space, spaces.MultiBinary) and isinstance(space.n, int | np.integer):
        return Space.parse(f'{{"type":"multi_discrete","nvec":{[2] * int(space.n)}}}')
    if isinstance(space, spaces.Box):
        name = space.dtype.name
        dtype = np.dtype(_WIDENED.get(name) or _NARROWED.get(name) or name)
        if dtype in _KEPT:
            return _box(space, dtype)
    raise ExchangeError(
        f"the {what} space is {space}; a stream holds Discrete from 0, MultiDiscrete from 0 of one dimension, MultiBinary "
        "of one dimension, or a Box of numbers; for one entry of a Dict give --key NAME"
    )


def _box(space: Any, dtype: np.dtype[Any]) -> Space:
    low, high = float(np.min(space.low, initial=math.inf)), float(np.max(space.high, initial=-math.inf))
    if dtype != np.float32:
        limits = np.iinfo(dtype)
        low, high = max(low, float(limits.min)), min(high, float(limits.max))
    else:
        # What float64 has as its bound may lie within what it is rounded to.
        low, high = min(low, float(np.float32(low))), max(high, float(np.float32(high)))
    return Space("box", tuple(int(size) for size in space.shape), dtype, (), low, high)


def converted(values: npt.NDArray[Any], space: Space, what: str, *, rounds: bool) -> npt.NDArray[Any]:
    """(N, *shape) `values` in the space's element type. Raises `ExchangeError` where one would change, unless floats may
    be rounded (`rounds`), and for elements outside of the space."""
    values = np.asarray(values)
    if values.shape[1:] != space.shape:
        raise ExchangeError(f"{what} should have the shape (N, {', '.join(map(str, space.shape))}), found {values.shape}")
    if values.dtype.kind not in "biuf":
        raise ExchangeError(f"{what} should be numbers, found {values.dtype}")
    with np.errstate(over="ignore", invalid="ignore"):
        result = np.ascontiguousarray(values.astype(space.dtype, copy=False))
    if values.dtype != space.dtype:
        exact = (result == values) | ((values != values) & (result != result))
        if not (exact.all() or (rounds and space.dtype.kind == "f")):
            bad = values[~exact].flat[0]
            hint = "; --round rounds such numbers" if space.dtype.kind == "f" and not rounds else ""
            raise ExchangeError(f"{what}: {bad!r} of {values.dtype} does not fit {space.dtype} without a change{hint}")
    outside = space.first_outside(result)
    if outside is not None:
        raise ExchangeError(f"{what}: element {outside} is outside of {space}: {result[outside]!r:.200}")
    return result
