"""One stream file: sealed, growing, or left by a recorder that died."""

from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
import numpy.typing as npt

from .episodes import Episodes, all_episodes
from .errors import StreamError
from .metadata import Environment, Metadata, read_metadata
from .opening import open_file
from .rollouts import FIELDS, Rollouts, rows_of, unbroken
from .spaces import Space

_BYTE = Space("box", (), np.dtype(np.uint8))
_REWARD = Space("box", (), np.dtype(np.float32))


class Stream:
    """An open stream. Attributes are read at once, arrays when they are asked for.

    It shows rows of whole rollouts alone, those that `rollouts` has in an unbroken row; in a growing stream as many as
    there were when it was opened or last refreshed. The recorder is not disturbed: the file is opened to be read while
    it is written (SWMR), without HDF5's locks. Close it, or use it in `with`.
    """

    def __init__(self, path: str | Path) -> None:
        """Raises `StreamError` for what cannot be opened, or is no stream, with what is wrong."""
        self.path = Path(path)
        self._file = open_file(self.path)
        try:
            self.metadata: Metadata = read_metadata(self._file, self.path)
            # By name, as h5py has them; they may have more rows than whole rollouts do.
            self.datasets: dict[str, h5py.Dataset] = {
                name: self._dataset(name, space) for name, space in columns_of(self.metadata.environment).items()
            }
            self._read_rollouts()
        except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
            # What h5py throws for a damaged file depends on where the damage is.
            self.close()
            raise StreamError(self.path, f"it cannot be read: {error}") from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """May be called twice."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "sealed" if self.metadata.is_sealed else "growing"
        return f"<Stream {self.path}: {self.row_count} rows, {state}>"

    @property
    def attributes(self) -> dict[str, Any]:
        """All attributes of the file as they are."""
        return dict(self._file.attrs)

    @property
    def row_count(self) -> int:
        """Transitions of whole rollouts."""
        return rows_of(self.rollouts)

    def refresh(self) -> None:
        """Takes in what was recorded since. Whether it was sealed is seen in a newly opened one alone."""
        for dataset in self.datasets.values():
            dataset.refresh()
        self.__dict__.pop("episodes", None)
        self._read_rollouts()

    @property
    def observations(self) -> npt.NDArray[Any]:
        """(N, *shape) what is stored of each observation: `metadata.environment.stored_space` says the shape."""
        return self.rows(self.metadata.environment.stored_name)

    @property
    def actions(self) -> npt.NDArray[Any]:
        """(N, *shape)"""
        return self.rows("actions")

    @property
    def rewards(self) -> npt.NDArray[np.float32]:
        """(N)"""
        return self.rows("rewards")

    @property
    def terminations(self) -> npt.NDArray[np.uint8]:
        """(N)"""
        return self.rows("terminations")

    @property
    def truncations(self) -> npt.NDArray[np.uint8]:
        """(N)"""
        return self.rows("truncations")

    @property
    def final_observations(self) -> npt.NDArray[Any]:
        """(finished episodes, *shape) what the environment showed after the last step of each."""
        return self.final_rows(0, int((self.episodes.end <= 1).sum()))

    def final_rows(self, first: int, end: int) -> npt.NDArray[Any]:
        """Those of the finished episodes `first` to below `end`. Raises `StreamError` where they cannot be read."""
        return self._read(f"final_{self.metadata.environment.stored_name}", slice(first, end))

    def rows(self, name: str, first: int = 0, end: int | None = None) -> npt.NDArray[Any]:
        """Rows `first` to below `end` of a column of transitions: `observations` (or what is stored in its place),
        `actions`, `rewards`, `terminations` or `truncations`. Raises `StreamError` where they cannot be read."""
        end = self.row_count if end is None else end
        if not 0 <= first <= end <= self.row_count:
            raise StreamError(self.path, f"rows {first} to {end} were asked for, there are {self.row_count}")
        if name not in self.datasets or name == "rollouts" or name.startswith("final_"):
            names = [known for known in self.datasets if known != "rollouts" and not known.startswith("final_")]
            raise StreamError(self.path, f"there is no column {name!r} of transitions, expected one of {names}")
        return self._read(name, slice(first, end))

    @cached_property
    def episodes(self) -> Episodes:
        return all_episodes(self.rewards, self.terminations, self.truncations, self.rollouts)

    def _read_rollouts(self) -> None:
        """Data are written before `rollouts`, and here read after it, so that what it covers is there."""
        every: Rollouts = self._read("rollouts", slice(None))
        rows = min(len(self.datasets[name]) for name in ("actions", "rewards", "terminations", "truncations"))
        rows = min(rows, len(self.datasets[self.metadata.environment.stored_name]))
        count = unbroken(every, rows)
        if count < len(every) and self.metadata.is_sealed:
            raise StreamError(self.path, f"rollout {count} of {len(every)} does not continue the one before")
        self.rollouts = every[:count]

    def _read(self, name: str, rows: slice) -> npt.NDArray[Any]:
        try:
            read: npt.NDArray[Any] = self.datasets[name][rows]
        except (OSError, RuntimeError, ValueError, MemoryError) as error:
            raise StreamError(self.path, f"dataset {name} cannot be read: {error}") from None
        if rows.stop is not None and len(read) != rows.stop - (rows.start or 0):
            raise StreamError(self.path, f"dataset {name} has {len(self.datasets[name])} rows, expected {rows.stop}")
        return read

    def _dataset(self, name: str, space: Space) -> h5py.Dataset:
        try:
            dataset = self._file[name]
        except (KeyError, OSError, RuntimeError):
            raise StreamError(self.path, f"dataset {name} is missing or unreadable") from None
        if not isinstance(dataset, h5py.Dataset) or not dataset.shape:
            raise StreamError(self.path, f"{name} should be a dataset of rows, found {dataset}")
        if (dataset.dtype, dataset.shape[1:]) != (space.dtype, space.shape):
            expected = f"{space.dtype.name} in rows of shape {space.shape}"
            found = f"{dataset.dtype.name} in rows of shape {dataset.shape[1:]}"
            raise StreamError(self.path, f"dataset {name} should be {expected}, found {found}")
        # A dataset may claim more than there is: memory is taken for what its file can hold.
        if dataset.nbytes > (1 << 20) and dataset.nbytes > 1100 * max(1, self.path.stat().st_size):
            raise StreamError(self.path, f"dataset {name} claims {len(dataset)} rows, more than its file can hold")
        return dataset


def columns_of(environment: Environment) -> dict[str, Space]:
    """The datasets of a stream, by name, with what a row of each is; all but the last two have a row a transition."""
    stored = environment.stored_space
    return {
        environment.stored_name: stored,
        "actions": environment.action_space,
        "rewards": _REWARD,
        "terminations": _BYTE,
        "truncations": _BYTE,
        f"final_{environment.stored_name}": stored,
        "rollouts": Space("box", (len(FIELDS),), np.dtype(np.uint64)),
    }
