"""Streams as a Minari data set, in the layout of its HDF5 storage: a group for each episode."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from ..histories import Histories, Stream
from ..histories.episodes import ENDS
from .attributes import attributes_of, to_json
from .errors import ExchangeError, library
from .gymnasium_spaces import to_gymnasium
from .output import new_folder
from .pieces import Names, columns, episode_ranges, flags, stream_bytes, streams_of_one_environment
from .summary import Progress, Summary

SIDE_FILE = "distillery.hdf5"
"""Beside Minari's own file: what it has no place for, and its readers do not look at."""

_COMPACT_BYTES = 4 << 10
"""Datasets up to this size lie in their object's header, which saves a block and a read of each."""

_IDENTIFIER = re.compile(r"(?:[-_\w]+/)*[-_\w]+-v\d+")


def export_minari(
    histories: Histories, out: str | Path, *, dataset_id: str | None = None, author: str = "Distillery"
) -> Summary:
    """Writes the finished episodes of all streams, and beside them what is needed to have the streams again.

    An episode that was cut, or is unfinished, has no last observation, and is kept aside. `dataset_id`: by which
    `minari.load_dataset` finds it below MINARI_DATASETS_PATH; by default the folder's name. Raises `HistoriesError`.
    """
    out = Path(out)
    dataset_id = dataset_id or out.resolve().name
    if not _IDENTIFIER.fullmatch(dataset_id):
        raise ExchangeError(f"the data set's id is {dataset_id!r}, expected one such as dark-room/a3c-v0 (see --id)")
    if not str(out.resolve()).endswith(f"/{dataset_id}"):
        raise ExchangeError(f"{out}: Minari finds {dataset_id} in a folder whose path ends with {dataset_id}")
    environment = streams_of_one_environment(histories)
    storages = library("minari.dataset.minari_storage")
    summary = Summary("minari", str(out))
    progress = Progress("export", len(histories))
    # Minari adds up the sizes of files below an absolute path alone.
    with new_folder(out.absolute()) as folder:
        storage = storages.MinariStorage.new(
            folder / "data",
            to_gymnasium(environment.stored_space),
            to_gymnasium(environment.action_space),
            jpeg_encoding=False,
        )
        main = folder / "data" / "main_data.hdf5"
        with _file(main) as episodes, _file(folder / "data" / SIDE_FILE) as side:
            writer = _EpisodeWriter(episodes)
            side.attrs["format"] = 1
            for number, entry in enumerate(histories):
                with entry.open() as stream:
                    _write_stream(stream, writer, side.create_group(f"stream_{number}"), summary, progress)
                progress.advance(summary, by=1)
        _describe(storage, histories, dataset_id, author, summary, writer.steps)
    progress.end(summary)
    return summary


def _file(path: Path) -> h5py.File:
    return h5py.File(path, "w", libver=("v110", "v110"), locking=False)


def _describe(storage: Any, histories: Histories, dataset_id: str, author: str, summary: Summary, steps: int) -> None:
    metadata = histories[0].metadata
    environment = metadata.environment.name
    storage.update_metadata(
        {
            "dataset_id": dataset_id,
            "minari_version": library("minari").__version__,
            "total_episodes": summary.episodes,
            "total_steps": steps,
            "algorithm_name": metadata.source_algorithm,
            "author": {author},
            "description": f"Learning histories of {metadata.source_algorithm} in {environment}, recorded by Distillery "
            f"{metadata.software_version}: {summary.streams} streams.",
            "distillery_environment": environment,
            "distillery_environment_json": metadata.environment.json,
            "distillery_streams": summary.streams,
        }
    )
    storage.update_metadata({"dataset_size": float(storage.get_size())})


def _write_stream(
    stream: Stream, writer: "_EpisodeWriter", side: h5py.Group, summary: Summary, progress: Progress
) -> None:
    """The finished episodes into the data set; attributes, rollouts, the order of the episodes and the rows of the
    others into `side`."""
    episodes, names = stream.episodes, Names(stream.metadata.environment.stored_name)
    finished = episodes.is_finished
    ids = np.where(finished, writer.count + np.cumsum(finished) - 1, -1)
    side.create_dataset("attributes", data=np.bytes_(to_json(attributes_of(stream)).encode()))
    side.create_dataset("rollouts", data=stream.rollouts)
    order = np.stack([ids, episodes.length], axis=1).astype(np.int64)
    side.create_dataset("episodes", data=order)
    aside: dict[str, list[npt.NDArray[Any]]] = {name: [columns(stream, 0, 0)[name]] for name in names.rows}
    whole = stream_bytes(stream)
    for piece in _pieces(stream, names):
        for number, rows in piece:
            if finished[number]:
                writer.write(rows, _labels(stream, number))
            else:
                for name in names.rows:
                    aside[name].append(rows[name].copy())
            summary.transitions += len(rows["rewards"])
            summary.bytes += whole * len(rows["rewards"]) // max(1, stream.row_count)
        progress.advance(summary)
    kept = side.create_group("aside")
    for name in names.rows:
        kept.create_dataset(name, data=np.concatenate(aside[name]))
    summary.streams += 1
    summary.episodes += int(finished.sum())
    summary.left_out_episodes += int((~finished).sum())


def _pieces(stream: Stream, names: Names) -> Iterator[Iterator[tuple[int, dict[str, npt.NDArray[Any]]]]]:
    """Episodes by their place in the stream, with their rows; that of observations has one more where it is finished."""
    episodes = stream.episodes
    finals_before: npt.NDArray[np.int64] = np.cumsum(episodes.is_finished) - episodes.is_finished
    for first, end in episode_ranges(stream):
        begin = int(episodes.first_row[first])
        rows = columns(stream, begin, int(episodes.first_row[end - 1] + episodes.length[end - 1]))
        for name in ("terminations", "truncations"):
            rows[name] = flags(stream.path, name, rows[name])
        count = int(episodes.is_finished[first:end].sum())
        base = int(finals_before[first])
        finals = stream.final_rows(base, base + count)
        yield _split(rows, finals, stream, first, end, begin, finals_before - base, names)


def _split(
    rows: dict[str, npt.NDArray[Any]], finals: npt.NDArray[Any], stream: Stream, first: int, end: int, begin: int,
    final_of: npt.NDArray[np.int64], names: Names,
) -> Iterator[tuple[int, dict[str, npt.NDArray[Any]]]]:  # fmt: skip
    episodes = stream.episodes
    begins = (episodes.first_row[first:end] - begin).tolist()
    lengths = episodes.length[first:end].tolist()
    finished = episodes.is_finished[first:end].tolist()
    last = final_of[first:end].tolist()
    for offset, (row, length) in enumerate(zip(begins, lengths)):
        part = {name: column[row : row + length] for name, column in rows.items()}
        if finished[offset]:
            part[names.stored] = np.concatenate([part[names.stored], finals[last[offset] : last[offset] + 1]])
        part["observations"] = part[names.stored]
        yield first + offset, part


def _labels(stream: Stream, number: int) -> dict[str, int | bytes]:
    """What an episode's metadata tell beside its length."""
    metadata, episodes = stream.metadata, stream.episodes
    return {
        "task": metadata.task,
        "lifetime": metadata.lifetime,
        "actor": metadata.actor,
        "episode": int(episodes.number[number]),
        "first_row": int(episodes.first_row[number]),
        "policy_version": int(episodes.policy_version[number]),
        "split": metadata.split.encode(),
        "end": ENDS[int(episodes.end[number])].encode(),
    }


class _EpisodeWriter:
    """Writes groups as Minari's storage does, by HDF5's own calls: an episode of twenty steps costs little else."""

    def __init__(self, file: h5py.File) -> None:
        self.file = file
        self.count = self.steps = 0
        self._spaces: dict[tuple[int, ...], Any] = {}
        self._types: dict[np.dtype[Any], Any] = {}
        self._scalar = h5py.h5s.create(h5py.h5s.SCALAR)
        self._layouts = []
        for layout in (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS):
            created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            created.set_layout(layout)
            created.set_obj_track_times(False)
            self._layouts.append(created)

    def write(self, rows: dict[str, npt.NDArray[Any]], labels: dict[str, int | bytes]) -> None:
        """(T + 1) observations and (T) of the other columns, as the episode with the next number."""
        group = h5py.h5g.create(self.file.id, b"episode_%d" % self.count)
        for name in ("observations", "actions", "rewards", "terminations", "truncations"):
            self._dataset(group, name.encode(), np.ascontiguousarray(rows[name]))
        # Readers expect it; nothing is told for each step.
        h5py.h5g.create(group, b"infos")
        for name, value in (("id", self.count), ("total_steps", len(rows["rewards"])), *labels.items()):
            self._attribute(group, name.encode(), np.array(value, np.int64 if isinstance(value, int) else None))
        self.count += 1
        self.steps += len(rows["rewards"])

    def _dataset(self, group: Any, name: bytes, values: npt.NDArray[Any]) -> None:
        space = self._spaces.get(values.shape)
        if space is None:
            space = self._spaces[values.shape] = h5py.h5s.create_simple(values.shape)
        layout = self._layouts[values.nbytes > _COMPACT_BYTES]
        dataset = h5py.h5d.create(group, name, self._type(values.dtype), space, layout)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, values)

    def _attribute(self, group: Any, name: bytes, value: npt.NDArray[Any]) -> None:
        if value.dtype.kind == "S":
            found = self._types.get(value.dtype)
            if found is None:
                found = h5py.h5t.C_S1.copy()
                found.set_size(value.dtype.itemsize)
                found.set_cset(h5py.h5t.CSET_UTF8)
                self._types[value.dtype] = found
        else:
            found = self._type(value.dtype)
        h5py.h5a.create(group, name, found, self._scalar).write(value, mtype=found)

    def _type(self, dtype: np.dtype[Any]) -> Any:
        found = self._types.get(dtype)
        if found is None:
            found = self._types[dtype] = h5py.h5t.py_create(dtype, logical=True)
        return found
