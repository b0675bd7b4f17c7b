"""Frames of episodes, of pandas or of Polars: `pip install "distillery[frames]"`."""

import importlib
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from .episodes import ENDS
from .errors import HistoriesError
from .folder import StreamEntry


def episodes(entries: Iterable[StreamEntry], kind: Literal["pandas", "polars"] = "pandas") -> Any:
    """A frame with a row for each episode of the streams, in their order.

    Columns: `stream` (its name), `task`, `lifetime`, `actor`, `split`, `source_algorithm`, `episode` (its number),
    `first_row`, `length`, `reward` (the sum of its rewards), `return` (the same, missing for an episode that was cut or
    is not finished), `end` (`terminated`, `truncated`, `cut` or `unfinished`), `policy_version` (of its first row).
    Opens every stream, and reads its rewards and flags. Raises `HistoriesError` where the library is not installed,
    `StreamError` for a damaged stream.
    """
    if kind not in ("pandas", "polars"):
        raise HistoriesError(f"kind is {kind!r}, expected 'pandas' or 'polars'")
    try:
        library = importlib.import_module(kind)
    except ImportError:
        raise HistoriesError(f'{kind} is not installed: pip install "distillery[frames]"') from None
    frame = library.DataFrame(episode_columns(entries))
    # To Polars NaN is a number, and a mean over one is none.
    return frame if kind == "pandas" else frame.with_columns(library.col("return").fill_nan(None))


def episode_columns(entries: Iterable[StreamEntry]) -> dict[str, Any]:
    """The columns of `episodes` as arrays (E), text as lists, without a library of frames."""
    texts: dict[str, list[str]] = {name: [] for name in ("stream", "split", "source_algorithm", "end")}
    numbers: dict[str, list[Any]] = {name: [] for name in _NUMBERS}
    for entry in entries:
        with entry.open() as stream:
            metadata, found = stream.metadata, stream.episodes
        count = len(found)
        for name, text in (
            ("stream", entry.name),
            ("split", metadata.split),
            ("source_algorithm", metadata.source_algorithm),
        ):
            texts[name] += [text] * count
        texts["end"] += [ENDS[end] for end in found.end]
        for name, value in (
            ("task", np.full(count, metadata.task)),
            ("lifetime", np.full(count, metadata.lifetime)),
            ("actor", np.full(count, metadata.actor)),
            ("episode", found.number),
            ("first_row", found.first_row),
            ("length", found.length),
            ("reward", found.reward),
            ("return", np.where(found.is_finished, found.reward, np.nan)),
            ("policy_version", found.policy_version),
        ):
            numbers[name].append(value)
    columns: dict[str, Any] = dict(texts)
    for name, parts in numbers.items():
        columns[name] = np.concatenate([np.zeros(0, _NUMBERS[name]), *parts]).astype(_NUMBERS[name])
    return {name: columns[name] for name in _ORDER}


_NUMBERS: dict[str, type] = {
    "task": np.int64,
    "lifetime": np.int64,
    "actor": np.int64,
    "episode": np.int64,
    "first_row": np.int64,
    "length": np.int64,
    "reward": np.float64,
    "return": np.float64,
    "policy_version": np.int64,
}
_ORDER = (
    "stream",
    "task",
    "lifetime",
    "actor",
    "split",
    "source_algorithm",
    "episode",
    "first_row",
    "length",
    "reward",
    "return",
    "end",
    "policy_version",
)
