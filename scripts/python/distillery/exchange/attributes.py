"""A stream's attributes as JSON, and back."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..histories import Space, Stream
from .errors import ExchangeError

LONGEST_TEXT = 60_000
"""Bytes: an attribute lives in one message of an object header, which holds less than 64 KiB."""

Attributes = dict[str, str | int]
"""By name. What Distillery writes are texts and whole numbers."""

_UNSIGNED = {"seed", "first_policy_version", "metadata_checksum"}


def attributes_of(stream: Stream) -> Attributes:
    """All but `complete`. Raises `ExchangeError` for one that is neither a text nor a whole number."""
    found: Attributes = {}
    for name, value in stream.attributes.items():
        if isinstance(value, bytes | np.bytes_):
            found[name] = bytes(value).decode()
        elif isinstance(value, str | np.integer):
            found[name] = value if isinstance(value, str) else int(value)
        else:
            raise ExchangeError(f"{stream.path}: attribute {name} should be a text or a whole number, found {value!r}")
    found.pop("complete", None)
    return found


def to_json(attributes: Attributes) -> str:
    return json.dumps(attributes, ensure_ascii=False, separators=(",", ":"))


def from_json(text: str | bytes, where: str | Path) -> Attributes:
    """Raises `ExchangeError` where it is not what `to_json` writes."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ExchangeError(f"{where}: the attributes of a stream are no JSON: {error}") from None
    if not isinstance(found, dict) or not all(type(value) in (str, int) for value in found.values()):
        raise ExchangeError(f"{where}: the attributes of a stream should be texts and whole numbers by name")
    return found


def stored(name: str, value: str | int) -> npt.NDArray[Any]:
    """As a stream file has it: a text of fixed length in UTF-8, or 64 bits. Raises `ExchangeError` for what does not fit."""
    if isinstance(value, str):
        text = value.encode()
        if len(text) > LONGEST_TEXT:
            raise ExchangeError(f"attribute {name} has {len(text)} bytes, at most {LONGEST_TEXT} fit")
        # HDF5 has no text of length 0.
        return np.array(text or b"\0", dtype=f"S{max(1, len(text))}")
    try:
        return np.array(value, np.uint64 if name in _UNSIGNED else np.int64)
    except OverflowError:
        raise ExchangeError(f"attribute {name} is {value}, expected a number of 64 bits") from None


def space_json(space: Space) -> str:
    """As an attribute has it: what `Space.parse` reads."""
    if space.kind == "discrete":
        return f'{{"type":"discrete","n":{space.counts[0]}}}'
    if space.kind == "multi_discrete":
        return f'{{"type":"multi_discrete","nvec":[{",".join(map(str, space.counts))}]}}'
    low = f',"low":{space.low!r}' if np.isfinite(space.low) else ""
    high = f',"high":{space.high!r}' if np.isfinite(space.high) else ""
    shape = ",".join(map(str, space.shape))
    return f'{{"type":"box","shape":[{shape}],"dtype":"{space.dtype.name}"{low}{high}}}'
