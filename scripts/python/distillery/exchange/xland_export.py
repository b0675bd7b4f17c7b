"""Streams in the layout of XLand-100B: a group for each task, its learning histories one beside the other.

The layout is what the data set's own loader reads (github.com/dunnolab/xland-minigrid-datasets, baselines/ad): groups "0",
"1", ... with the attributes benchmark-id, env-id and ruleset-id; in each `states` (H, T, *shape), `actions`, `rewards` and
`dones` (H, T). It takes H and T from group "0" for all, and counts whatever else is at the root as a task.
"""

import json
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..histories import Environment, Histories, Space, Stream, StreamEntry
from .attributes import attributes_of, to_json
from .errors import ExchangeError
from .output import new_file
from .pieces import Names, columns, flags, row_ranges, stream_bytes, streams_of_one_environment
from .summary import Progress, Summary

SIDE_GROUP = "distillery"
"""In each task's group, one group for each of its streams: what XLand's layout has no place for."""

_CHUNK_BYTES = 256 << 10


@dataclass(frozen=True)
class _Task:
    """`shown`: the streams that are histories of the layout; `aside`: those that are too short, or too many."""

    number: int
    shown: list[StreamEntry]
    aside: list[StreamEntry]


def export_xland(histories: Histories, out: str | Path, *, length: int | None = None, compression: int = 1) -> Summary:
    """Writes one HDF5 file. `length`: transitions of each history; by default those of the shortest stream that has any.

    What lies behind it, streams that are shorter, and streams beyond the number that every task has are kept, where the
    loader does not look. `compression`: level of deflate, 0 for none. Raises `HistoriesError`.
    """
    environment = streams_of_one_environment(histories)
    summary = Summary("xland", str(out))
    length, tasks = _layout(histories, length, summary)
    progress = Progress("export", len(histories))
    with new_file(Path(out)) as path:
        with h5py.File(path, "w", libver=("v110", "v110"), locking=False) as file:
            for number, task in enumerate(tasks):
                group = file.create_group(str(number))
                _describe(group, task)
                writer = _TaskWriter(group, environment, len(task.shown), length, compression)
                for history, entry in enumerate(task.shown + task.aside):
                    with entry.open() as stream:
                        writer.write(history, stream, summary, progress)
                    progress.advance(summary, by=1)
    progress.end(summary)
    return summary


def _layout(histories: Histories, length: int | None, summary: Summary) -> tuple[int, list[_Task]]:
    """The number of transitions of a history, and the tasks with as many histories each."""
    rows = {}
    for entry in histories:
        with entry.open() as stream:
            rows[entry.path] = stream.row_count
    counts = [count for count in rows.values() if count]
    if not counts:
        raise ExchangeError(f"{histories.path}: no stream has a transition")
    if length is None:
        length = min(counts)
        if length < max(counts) // 2:
            summary.notes.append(
                f"the shortest stream has {length} transitions, the longest {max(counts)}: readers of XLand's layout see "
                f"{length} of each; --length N shows N, and leaves out streams that are shorter"
            )
    tasks = []
    for number, found in groupby(sorted(histories, key=lambda entry: entry.task), key=lambda entry: entry.task):
        entries = list(found)
        shown = [entry for entry in entries if rows[entry.path] >= length]
        if not shown:
            raise ExchangeError(
                f"task {number} has no stream of {length} transitions, its longest has "
                f"{max(rows[entry.path] for entry in entries)}; expected a smaller --length, or to leave it out by --task"
            )
        tasks.append(_Task(number, shown, [entry for entry in entries if rows[entry.path] < length]))
    histories_each = min(len(task.shown) for task in tasks)
    return length, [
        _Task(task.number, task.shown[:histories_each], task.shown[histories_each:] + task.aside) for task in tasks
    ]


def _describe(group: h5py.Group, task: _Task) -> None:
    """As XLand names its tasks; a task that came from there has its own names again."""
    metadata = task.shown[0].metadata
    names: dict[str, Any] = {}
    try:
        found = json.loads(metadata.task_json)
        names = found if isinstance(found, dict) else {}
    except ValueError:
        pass
    ruleset = names.get("ruleset-id")
    group.attrs["env-id"] = metadata.environment.name
    group.attrs["benchmark-id"] = str(names.get("benchmark-id", metadata.environment.name))
    group.attrs["ruleset-id"] = np.int64(ruleset if type(ruleset) is int else task.number)
    group.attrs["task-json"] = metadata.task_json
    group.attrs["split"] = metadata.split


class _TaskWriter:
    def __init__(self, group: h5py.Group, environment: Environment, histories: int, length: int, level: int) -> None:
        self.group, self.histories, self.length, self.level = group, histories, length, level
        self.names = Names(environment.stored_name)
        spaces = {
            "states": environment.stored_space,
            "actions": environment.action_space,
            "rewards": Space("box", (), np.dtype(np.float32)),
            "dones": Space("box", (), np.dtype(np.bool_)),
        }
        self.layout = {
            name: self._dataset(group, name, (histories, length, *space.shape), space.dtype)
            for name, space in spaces.items()
        }
        self.sources = dict(zip(("states", "actions", "rewards"), self.names.rows))

    def write(self, history: int, stream: Stream, summary: Summary, progress: Progress) -> None:
        shown = min(stream.row_count, self.length) if history < self.histories else 0
        side = self.group.create_group(f"{SIDE_GROUP}/{history}")
        side.create_dataset("attributes", data=np.bytes_(to_json(attributes_of(stream)).encode()))
        side.create_dataset("rollouts", data=stream.rollouts)
        side.attrs["shown"] = shown
        kept = {}
        for name in self.names.rows:
            count = stream.row_count - (0 if name in ("terminations", "truncations") else shown)
            sample = stream.rows(name, 0, 0)
            kept[name] = self._dataset(side, name, (count, *sample.shape[1:]), sample.dtype)
        whole = stream_bytes(stream)
        for first, end in row_ranges(stream):
            rows = columns(stream, first, end)
            self._write_rows(history, stream, rows, first, end, shown, kept)
            summary.transitions += end - first
            summary.bytes += whole * (end - first) // stream.row_count
            progress.advance(summary)
        self._write_finals(stream, side)
        finished = stream.episodes.is_finished
        summary.streams += 1
        summary.episodes += int(finished.sum())

    def _write_rows(
        self, history: int, stream: Stream, rows: dict[str, Any], first: int, end: int, shown: int, kept: dict[str, Any]
    ) -> None:
        inside = max(0, min(end, shown) - first)
        for name in ("terminations", "truncations"):
            kept[name][first:end] = flags(stream.path, name, rows[name]).view(np.uint8)
        dones = (rows["terminations"] | rows["truncations"]).view(np.bool_)
        if inside:
            self.layout["dones"][history, first : first + inside] = dones[:inside]
            for name, source in self.sources.items():
                self.layout[name][history, first : first + inside] = rows[source][:inside]
        if first + inside < end:
            for source in self.sources.values():
                kept[source][first + inside - shown : end - shown] = rows[source][inside:]

    def _write_finals(self, stream: Stream, side: h5py.Group) -> None:
        count = int(stream.episodes.is_finished.sum())
        sample = stream.final_rows(0, 0)
        finals = self._dataset(side, self.names.finals, (count, *sample.shape[1:]), sample.dtype)
        step = _chunk_rows(sample.shape[1:], sample.dtype, count) * 16
        for first in range(0, count, step):
            end = min(first + step, count)
            finals[first:end] = stream.final_rows(first, end)

    def _dataset(self, group: h5py.Group, name: str, shape: tuple[int, ...], dtype: Any) -> h5py.Dataset:
        """Chunks lie within a history, so that a piece of one is read without the others."""
        if not self.level or 0 in shape:
            return group.create_dataset(name, shape, dtype, track_times=False)
        leading = shape[: 2 if group is self.group else 1]
        row = shape[len(leading) :]
        chunk = (1,) * (len(leading) - 1) + (_chunk_rows(row, dtype, leading[-1]), *row)
        return group.create_dataset(
            name, shape, dtype, chunks=chunk, shuffle=True, compression=self.level, track_times=False
        )


def _chunk_rows(row: tuple[int, ...], dtype: Any, count: int) -> int:
    """A power of two that comes to about 256 KiB, or all of them."""
    size = int(np.prod(row, dtype=np.int64)) * np.dtype(dtype).itemsize
    rows: int = 1 << max(0, (_CHUNK_BYTES // size).bit_length() - 1)
    return max(1, min(rows, 65_536, count))
