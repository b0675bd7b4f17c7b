"""Writes a sealed stream file, as Sources/Histories/StreamSealing.swift does."""

import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
import numpy.typing as npt

from ..histories import Environment, Space, Stream
from ..histories.metadata import SCHEMA_VERSION
from ..histories.rollouts import CHECKSUM, FIRST_STEP, LENGTH, Rollouts
from ..histories.stream import columns_of
from .attributes import Attributes, space_json, stored
from .errors import ExchangeError, library
from .pieces import Names, columns, row_bytes

CHECKSUM_NAME = "metadata_checksum"
"""The attribute with the checksum over the others."""

_DEFLATE_LEVEL = 1
_CHUNK_BYTES = 256 << 10
_UNCOMPRESSED_BYTES = 2 << 10
_VERIFIED_BYTES = 8 << 20
_NUMBERS_OF_CREATION = 64
"""Attributes that stay in the root group's header, which HDF5 checks by a checksum."""


class SealedStream:
    """A stream file under construction. Append whole columns in any order, then `seal`.

    What is appended must be little-endian, and of the types that the environment's spaces say. In memory is at most a
    chunk of each column.
    """

    def __init__(self, path: Path, environment: Environment, attributes: Attributes) -> None:
        """Raises `ExchangeError` for attributes that do not fit a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.environment = environment
        self.row_count = self.finals = self.rollout_count = 0
        self._file = _created(path)
        self._columns = {name: _Column(self._file, name, space) for name, space in columns_of(environment).items()}
        for name, value in attributes.items():
            if name != "complete":
                array = stored(name, value)
                dtype = h5py.string_dtype("utf-8", array.dtype.itemsize) if array.dtype.kind == "S" else array.dtype
                self._file.attrs.create(name, array, (), dtype)
        self._names = Names(environment.stored_name)

    def append(self, name: str, rows: npt.NDArray[Any]) -> None:
        """Rows of one column; they must come out even in the end."""
        self._columns[name].append(rows)

    def append_rollout(
        self, rows: dict[str, npt.NDArray[Any]], finals: npt.NDArray[Any], *, first_episode: int, policy_version: int = 0
    ) -> None:
        """A rollout of a stream that never had one: rows by column, with the final observations of its ended episodes."""
        crc = 0
        for name in self._names.rows:
            self.append(name, rows[name])
            crc = _extended(crc, rows[name])
        self.append(self._names.finals, finals)
        length = len(rows["rewards"])
        record = [
            self.rollout_count, self.row_count, length, policy_version, 0, _extended(crc, finals), time.time_ns(),
            first_episode,
        ]  # fmt: skip
        self.append("rollouts", np.array([record], np.uint64))
        self.rollout_count += 1
        self.row_count += length
        self.finals += len(finals)

    def seal(self) -> None:
        """Writes what is left, closes the file, and reads it again: raises `StreamError` where it is no sound stream."""
        for column in self._columns.values():
            column.finish()
        self._file.attrs.create("complete", np.uint8(1), (), np.uint8)
        self._file.close()
        verify(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self._file.close()


class _Column:
    """Keeps rows until they are a chunk. A short column is stored in one piece, others in compressed chunks."""

    def __init__(self, file: h5py.File, name: str, space: Space) -> None:
        self.file, self.name, self.space = file, name, space
        self.dataset: h5py.Dataset | None = None
        self.waiting: list[npt.NDArray[Any]] = []
        self.waiting_rows = 0
        self.row_bytes = int(np.prod(space.shape, dtype=np.int64)) * space.dtype.itemsize
        self.chunk_rows = 65_536
        while self.chunk_rows > 16 and self.chunk_rows * self.row_bytes > _CHUNK_BYTES:
            self.chunk_rows //= 2

    def append(self, rows: npt.NDArray[Any]) -> None:
        if rows.dtype != self.space.dtype or rows.shape[1:] != self.space.shape:
            expected = f"{self.space.dtype} of shape (N, {', '.join(map(str, self.space.shape))})"
            found = f"{rows.dtype} of shape {rows.shape}"
            raise ExchangeError(f"{self.file.filename}: {self.name} should be {expected}, found {found}")
        if not len(rows):
            return
        # A copy where it is a view: what it lies in may be larger, and is the caller's to write over.
        self.waiting.append(rows.copy() if rows.base is not None else rows)
        self.waiting_rows += len(rows)
        if self.waiting_rows >= self.chunk_rows:
            self._write(whole_chunks=True)

    def finish(self) -> None:
        self._write(whole_chunks=False)

    def _write(self, *, whole_chunks: bool) -> None:
        rows = np.concatenate(self.waiting) if self.waiting else np.zeros((0, *self.space.shape), self.space.dtype)
        count = len(rows) - len(rows) % self.chunk_rows if whole_chunks else len(rows)
        self.waiting = [rows[count:].copy()] if count < len(rows) else []
        self.waiting_rows = len(rows) - count
        if self.dataset is None:
            self.dataset = self._made(count, is_all=not whole_chunks)
            first = 0
        else:
            first = len(self.dataset)
            self.dataset.resize(first + count, axis=0)
        if count:
            self.dataset[first : first + count] = rows[:count]

    def _made(self, count: int, *, is_all: bool) -> h5py.Dataset:
        shape = (count, *self.space.shape)
        if is_all and count * self.row_bytes <= _UNCOMPRESSED_BYTES:
            return self.file.create_dataset(self.name, shape, self.space.dtype, track_times=False)
        chunk = (min(count, self.chunk_rows) if is_all else self.chunk_rows, *self.space.shape)
        limit = shape if is_all else (None, *self.space.shape)
        return self.file.create_dataset(
            self.name, shape, self.space.dtype, chunks=chunk, maxshape=limit, shuffle=True, compression=_DEFLATE_LEVEL,
            track_times=False,
        )  # fmt: skip


def _created(path: Path) -> h5py.File:
    creation = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    creation.set_attr_phase_change(_NUMBERS_OF_CREATION, 0)
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    return h5py.File(h5py.h5f.create(str(path).encode(), h5py.h5f.ACC_EXCL, creation, access))


def _extended(crc: int, rows: npt.NDArray[Any]) -> int:
    # Big-endian rows would give another sum than their stream's; the columns refuse them before.
    extended: int = library("google_crc32c").extend(crc, np.ascontiguousarray(rows).tobytes())
    return extended


def verify(path: Path) -> None:
    """Reads a stream and compares every rollout with its checksum. Raises `StreamError` or `ExchangeError`.

    Order and layout are looked at when it is opened.
    """
    with Stream(path) as stream:
        rollouts = stream.rollouts
        if not stream.metadata.is_sealed:
            raise ExchangeError(f"{path}: it is not sealed")
        names = Names(stream.metadata.environment.stored_name)
        step = max(1, _VERIFIED_BYTES // max(1, row_bytes(stream.metadata.environment)))
        first = finals = 0
        while first < len(rollouts):
            begin = int(rollouts[first, FIRST_STEP])
            ends = (rollouts[first:, FIRST_STEP] + rollouts[first:, LENGTH]).astype(np.int64)
            last = first + max(1, int(np.searchsorted(ends, begin + step, side="right")))
            end = int(ends[last - first - 1])
            rows = columns(stream, begin, end)
            ended = (rows["terminations"] | rows["truncations"]) != 0
            count = int(ended.sum())
            rows[names.finals] = stream.final_rows(finals, finals + count)
            _check(path, rollouts, range(first, last), begin, rows, ended, names)
            first, finals = last, finals + count


def _check(
    path: Path, rollouts: Rollouts, which: range, begin: int, rows: dict[str, npt.NDArray[Any]],
    ended: npt.NDArray[np.bool_], names: Names,
) -> None:  # fmt: skip
    extend = library("google_crc32c").extend
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(ended)])
    parts = [_bytes(rows[name]) for name in names.rows]
    finals, final_width = _bytes(rows[names.finals])
    for number in which:
        first = int(rollouts[number, FIRST_STEP]) - begin
        end = first + int(rollouts[number, LENGTH])
        crc = 0
        for content, width in parts:
            crc = extend(crc, content[first * width : end * width].tobytes())
        ended_in_it = slice(int(before[first]) * final_width, int(before[end]) * final_width)
        crc = extend(crc, finals[ended_in_it].tobytes())
        if crc != int(rollouts[number, CHECKSUM]):
            raise ExchangeError(
                f"{path}: rollout {number}, rows {first + begin} to {end + begin}: the checksum does not hold"
            )


def _bytes(rows: npt.NDArray[Any]) -> tuple[npt.NDArray[np.uint8], int]:
    """All bytes, and how many a row has."""
    width = int(np.prod(rows.shape[1:], dtype=np.int64)) * rows.dtype.itemsize
    return np.ascontiguousarray(rows).reshape(-1).view(np.uint8), width


def made_attributes(environment: Environment, **given: str | int) -> Attributes:
    """Of a stream that comes from elsewhere, with the checksum over them all (Sources/Histories/CheckedAttributes.swift).

    `given`: `task_id`, `task_json`, `repetition`, `source_algorithm`, `source_json`, `actor`, and others where they are
    not what a stream from elsewhere has.
    """
    attributes: Attributes = {
        "schema_version": SCHEMA_VERSION,
        "software_version": "0.1.0",
        "environment": environment.name,
        "environment_json": environment.json,
        "observation_space": space_json(environment.observation_space),
        "action_space": space_json(environment.action_space),
        "horizon": environment.horizon,
        "split": "train",
        "seed": 0,
        "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "first_policy_version": 0,
        **given,
    }
    return {**attributes, CHECKSUM_NAME: checksum_of(attributes)}


def checksum_of(attributes: Attributes) -> int:
    """CRC-32C over name, zero byte, text and zero byte of each, in the order of their names' bytes; numbers in decimal.

    `attributes`: those that Distillery knows, without `complete` and the checksum.
    """
    content = b"".join(
        name.encode() + b"\0" + str(value).encode() + b"\0"
        for name, value in sorted(attributes.items(), key=lambda item: item[0].encode())
    )
    checksum: int = library("google_crc32c").value(content)
    return checksum
