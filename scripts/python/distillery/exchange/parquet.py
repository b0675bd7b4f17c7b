"""Streams as Parquet: a row for each transition, in a folder for each task.

Who uses DuckDB, Polars or Arrow asks for sums and averages by task, episode and step, and these are columns. A row for
each episode, with lists, would have to be taken apart for every such question.

    OUT/transitions/task=42/part-0.parquet     a row for each transition
    OUT/streams.parquet                        a row for each stream: its attributes
    OUT/rollouts.parquet                       a row for each rollout
"""

import json
import math
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..histories import Environment, Histories, Space, Stream
from ..histories.episodes import ENDS
from ..histories.rollouts import FIELDS, INCARNATION, POLICY_VERSION
from .attributes import attributes_of, space_json, to_json
from .errors import library
from .output import new_folder
from .pieces import columns, flags, rollout_of_rows, row_ranges, stream_bytes, streams_of_one_environment
from .summary import Progress, Summary

LARGEST_LIST = 64
"""Numbers of an element that is a list; of a larger one (a picture) the bytes are kept, little-endian, row by row: Parquet
has two levels for each number of a list, and nobody sums up pixels."""

_GROUP_ROWS = 122_880
"""Rows of a row group at least, as DuckDB has them; a shorter stream shares one with others of its task."""


def export_parquet(histories: Histories, out: str | Path) -> Summary:
    """Raises `HistoriesError`. Nothing is left out: `end` says of each row how its episode ended."""
    environment = streams_of_one_environment(histories)
    library("pyarrow.parquet")
    summary = Summary("parquet", str(out))
    progress = Progress("export", len(histories))
    with new_folder(Path(out)) as folder:
        streams = _Table(folder / "streams.parquet", _streams_schema())
        rollouts = _Table(folder / "rollouts.parquet", _rollouts_schema())
        ordered = sorted(histories, key=lambda entry: entry.task)
        for task, found in groupby(ordered, key=lambda entry: entry.task):
            entries = list(found)
            place = folder / "transitions" / f"task={task}"
            place.mkdir(parents=True)
            schema = _transitions_schema(environment, [entry.metadata.task_json for entry in entries][0])
            table = _Table(place / "part-0.parquet", schema, plain=_plain(environment))
            for entry in entries:
                with entry.open() as stream:
                    _write_stream(stream, table, streams, rollouts, summary, progress)
                progress.advance(summary, by=1)
            table.close()
        streams.close()
        rollouts.close()
    progress.end(summary)
    return summary


class _Table:
    """A Parquet file under construction. Small tables are put together, so that row groups are worth their overhead."""

    def __init__(self, path: Path, schema: Any, plain: frozenset[str] = frozenset()) -> None:
        self.schema = schema
        self._arrow, parquet = library("pyarrow"), library("pyarrow.parquet")
        # Numbers that rise by one have no use for a dictionary: their differences are all the same.
        rising = {"row": "DELTA_BINARY_PACKED"} if "row" in schema.names else None
        names = [name for name in schema.names if name not in plain and name != "row"]
        self._writer = parquet.ParquetWriter(
            path, schema, compression="zstd", compression_level=1, use_dictionary=names, column_encoding=rising
        )
        self._waiting: list[Any] = []
        self._rows = self._bytes = 0

    def append(self, values: dict[str, Any]) -> None:
        table = self._arrow.table(values, schema=self.schema)
        self._waiting.append(table)
        self._rows += table.num_rows
        self._bytes += table.nbytes
        if self._rows >= _GROUP_ROWS or self._bytes >= 32 << 20:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            # Dictionaries of pieces may differ.
            table = self._arrow.concat_tables(self._waiting).unify_dictionaries()
            self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        self._waiting, self._rows, self._bytes = [], 0, 0


# MARK: Schemas


def _names(environment: Environment) -> tuple[str, str]:
    name = environment.stored_name.removesuffix("s")
    return name, f"final_{name}"


def _plain(environment: Environment) -> frozenset[str]:
    """Columns of large elements: a dictionary of pictures is of no use."""
    return frozenset(_names(environment)) if math.prod(environment.stored_space.shape) > LARGEST_LIST else frozenset()


def _type(space: Space) -> Any:
    arrow = library("pyarrow")
    number = arrow.from_numpy_dtype(space.dtype)
    size = math.prod(space.shape)
    if space.shape == ():
        return number
    return arrow.list_(number, size) if size <= LARGEST_LIST else arrow.binary(size * space.dtype.itemsize)


def _transitions_schema(environment: Environment, task_json: str) -> Any:
    arrow = library("pyarrow")
    word = arrow.dictionary(arrow.int8(), arrow.string())
    name, final = _names(environment)
    fields = {
        "lifetime": arrow.int32(), "actor": arrow.int32(), "split": word, "row": arrow.int64(), "episode": arrow.int64(),
        "step": arrow.int64(), "end": word, "rollout": arrow.int64(), "policy_version": arrow.uint64(),
        "incarnation": arrow.uint64(), name: _type(environment.stored_space), "action": _type(environment.action_space),
        "reward": arrow.float32(), "terminated": arrow.bool_(), "truncated": arrow.bool_(),
        final: _type(environment.stored_space),
    }  # fmt: skip
    about = {
        "format": 1,
        "environment": environment.name,
        "environment_json": environment.json,
        "horizon": environment.horizon,
        "observation_space": space_json(environment.observation_space),
        "action_space": space_json(environment.action_space),
        "stored_name": environment.stored_name,
        "stored_space": space_json(environment.stored_space),
        "task_json": task_json,
    }
    return arrow.schema(fields, metadata={"distillery": json.dumps(about, ensure_ascii=False)})


_STREAM_TEXTS = (
    "split", "environment", "environment_json", "task_json", "source_algorithm", "source_json", "software_version", "created",
)  # fmt: skip


def _streams_schema() -> Any:
    arrow = library("pyarrow")
    numbers = {name: arrow.int32() for name in ("task", "lifetime", "actor")}
    texts = {name: arrow.dictionary(arrow.int32(), arrow.string()) for name in _STREAM_TEXTS}
    counts = {name: arrow.int64() for name in ("rows", "rollouts", *ENDS)}
    return arrow.schema({
        **numbers, **texts, "seed": arrow.uint64(), "first_policy_version": arrow.uint64(), "sealed": arrow.bool_(), **counts,
        "attributes": arrow.string(),
    })  # fmt: skip


def _rollouts_schema() -> Any:
    arrow = library("pyarrow")
    numbers = {name: arrow.int32() for name in ("task", "lifetime", "actor")}
    return arrow.schema({**numbers, **{name: arrow.uint64() for name in FIELDS}})


# MARK: Rows


def _write_stream(
    stream: Stream, table: _Table, streams: _Table, rollouts: _Table, summary: Summary, progress: Progress
) -> None:
    metadata, episodes = stream.metadata, stream.episodes
    streams.append(_stream_row(stream))
    place = {
        name: np.full(len(stream.rollouts), getattr(metadata, name), np.int32) for name in ("task", "lifetime", "actor")
    }
    rollouts.append({**place, **{name: stream.rollouts[:, number] for number, name in enumerate(FIELDS)}})
    whole = stream_bytes(stream)
    finals_before = 0
    for first, end in row_ranges(stream):
        rows = columns(stream, first, end)
        ended = (rows["terminations"] | rows["truncations"]) != 0
        count = int(ended.sum())
        finals = stream.final_rows(finals_before, finals_before + count)
        finals_before += count
        table.append({**_places(stream, first, end), **_values(stream, rows, finals, ended)})
        summary.transitions += end - first
        summary.bytes += whole * (end - first) // stream.row_count
        progress.advance(summary)
    summary.streams += 1
    summary.episodes += len(episodes)


def _stream_row(stream: Stream) -> dict[str, list[Any]]:
    metadata = stream.metadata
    attributes = attributes_of(stream)
    ends = np.bincount(stream.episodes.end, minlength=len(ENDS))
    return {
        "task": [metadata.task], "lifetime": [metadata.lifetime], "actor": [metadata.actor],
        **{name: [str(attributes[name])] for name in _STREAM_TEXTS},
        "seed": [metadata.seed], "first_policy_version": [metadata.first_policy_version], "sealed": [metadata.is_sealed],
        "rows": [stream.row_count], "rollouts": [len(stream.rollouts)],
        **{name: [int(count)] for name, count in zip(ENDS, ends)}, "attributes": [to_json(attributes)],
    }  # fmt: skip


def _places(stream: Stream, first: int, end: int) -> dict[str, Any]:
    """Which transition a row is."""
    metadata, episodes, rollouts = stream.metadata, stream.episodes, stream.rollouts
    rows = np.arange(first, end)
    episode = np.searchsorted(episodes.first_row, rows, side="right") - 1
    rollout = rollout_of_rows(stream, first, end)
    count = end - first
    return {
        "lifetime": np.full(count, metadata.lifetime, np.int32),
        "actor": np.full(count, metadata.actor, np.int32),
        "split": _words(np.zeros(count, np.int8), (metadata.split,)),
        "row": rows,
        "episode": episodes.number[episode],
        "step": rows - episodes.first_row[episode],
        "end": _words(episodes.end[episode], ENDS),
        "rollout": rollout,
        "policy_version": rollouts[rollout, POLICY_VERSION],
        "incarnation": rollouts[rollout, INCARNATION],
    }


def _words(indices: npt.NDArray[np.int8], words: tuple[str, ...]) -> Any:
    arrow = library("pyarrow")
    return arrow.DictionaryArray.from_arrays(arrow.array(indices), arrow.array(words))


def _values(
    stream: Stream, rows: dict[str, Any], finals: npt.NDArray[Any], ended: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    environment = stream.metadata.environment
    name, final = _names(environment)
    seen = np.zeros((len(ended), *environment.stored_space.shape), environment.stored_space.dtype)
    seen[ended] = finals
    return {
        name: _elements(rows[environment.stored_name], environment.stored_space, None),
        "action": _elements(rows["actions"], environment.action_space, None),
        "reward": rows["rewards"],
        "terminated": flags(stream.path, "terminations", rows["terminations"]),
        "truncated": flags(stream.path, "truncations", rows["truncations"]),
        final: _elements(seen, environment.stored_space, ~ended),
    }


def _elements(values: npt.NDArray[Any], space: Space, absent: npt.NDArray[np.bool_] | None) -> Any:
    """An Arrow array of (N, *shape) elements; those that are `absent` are null."""
    arrow = library("pyarrow")
    if space.shape == ():
        return arrow.array(values, mask=absent)
    size = math.prod(space.shape)
    mask = None if absent is None else arrow.array(absent)
    if size <= LARGEST_LIST:
        return arrow.FixedSizeListArray.from_arrays(arrow.array(values.reshape(-1)), size, mask=mask)
    present = None if absent is None else arrow.py_buffer(np.packbits(~absent, bitorder="little").tobytes())
    content = arrow.py_buffer(np.ascontiguousarray(values))
    return arrow.FixedSizeBinaryArray.from_buffers(_type(space), len(values), [present, content])
