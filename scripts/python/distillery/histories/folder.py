"""The streams of a run, of a folder of histories, or of one file."""

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from .catalog import Catalog, CatalogRow, read_catalog
from .errors import HistoriesError
from .metadata import Metadata
from .places import StreamPlace
from .stream import Stream

if TYPE_CHECKING:
    from .settings import WindowSettings
    from .windows import WindowSampler

_GREATEST_DEPTH = 6
"""Folders below the given one: `evaluations/ID/task-00042` is the deepest of ours."""

Numbers = int | Collection[int]
Split = Literal["train", "test"]


@dataclass(frozen=True)
class StreamEntry:
    """A stream that was found, by its name and by the run's catalogue; it is opened when something else is asked for."""

    path: Path
    place: StreamPlace | None
    row: CatalogRow | None
    catalog_split: str | None

    @property
    def name(self) -> str:
        """`task-00042/lifetime-000/actor-0007.h5`; of a file with another name, that name."""
        return self.place.path if self.place else self.path.name

    @cached_property
    def metadata(self) -> Metadata:
        """Opens the file, once. Raises `StreamError` for what is no stream."""
        with self.open() as stream:
            return stream.metadata

    @property
    def task(self) -> int:
        return self.place.task if self.place else self.metadata.task

    @property
    def lifetime(self) -> int:
        return self.place.lifetime if self.place else self.metadata.lifetime

    @property
    def actor(self) -> int:
        return self.place.actor if self.place else self.metadata.actor

    @property
    def split(self) -> str:
        """By the catalogue where it has the task, else by the file."""
        return self.catalog_split or self.metadata.split

    @property
    def is_sealed(self) -> bool:
        """By the catalogue where that says so, which may be some seconds behind; else by the file."""
        return bool(self.row and self.row.is_sealed) or self.metadata.is_sealed

    def open(self) -> Stream:
        """Raises `StreamError` for what is no stream."""
        return Stream(self.path)


class Histories:
    """The streams below a path, in the order of their names. Finding them opens none.

    `Histories("runs/quickstart")[0].open()` is the first one; `filter` leaves fewer.
    """

    def __init__(self, path: str | Path, part: Literal["histories", "evaluations"] = "histories") -> None:
        """`part`: which part of a run's folder. Raises `HistoriesError` where there is nothing of the name."""
        self.path = Path(path)
        self.part = part
        self._catalog = Catalog()
        self.entries: tuple[StreamEntry, ...] = ()
        self.quarantined: tuple[str, ...] = ()
        """Streams whose files were damaged and moved aside."""
        self.elsewhere: tuple[str, ...] = ()
        """Folders that a recorder keeps where they cannot be read from here."""
        self._conditions: tuple[Callable[[StreamEntry], bool], ...] = ()
        self.refresh()

    def refresh(self) -> None:
        """Looks again. What `filter` has asked for holds for new streams too."""
        if not self.path.exists():
            raise HistoriesError(f"{self.path}: there is no such file or folder, expected a run, histories or a stream")
        found: list[str] = []
        marked: set[str] = set()
        elsewhere: list[str] = []
        run = _run_of(self.path)
        self._catalog = read_catalog(run / "catalog.sqlite") if run else Catalog()
        if self.path.is_file():
            found = [str(self.path)]
        else:
            inner = self.path / self.part
            _collect(str(inner if inner.is_dir() else self.path), 0, found, marked, elsewhere)
        entries = (self._entry(path, run) for path in sorted(path for path in found if path not in marked))
        self.quarantined, self.elsewhere = tuple(sorted(marked)), tuple(sorted(elsewhere))
        self.entries = tuple(entry for entry in entries if all(holds(entry) for holds in self._conditions))

    @property
    def optimal_returns(self) -> dict[int, float]:
        """The best possible return of an episode by task, where the run's catalogue has it."""
        return dict(self._catalog.optimal_returns)

    def filter(
        self,
        *,
        task: Numbers | None = None,
        lifetime: Numbers | None = None,
        actor: Numbers | None = None,
        split: Split | None = None,
        sealed: bool | None = None,
        where: Callable[[StreamEntry], bool] | None = None,
    ) -> Self:
        """Those for which everything holds that is given. Task, lifetime and actor are known by the streams' names;
        split and sealed by the catalogue, and where that does not know by a look into the file."""
        conditions: list[Callable[[StreamEntry], bool]] = []
        for name, numbers in (("task", task), ("lifetime", lifetime), ("actor", actor)):
            if numbers is not None:
                conditions.append(_among(name, numbers))
        if split is not None:
            if split not in ("train", "test"):
                raise HistoriesError(f"split is {split!r}, expected 'train' or 'test'")
            conditions.append(lambda entry: entry.split == split)
        if sealed is not None:
            conditions.append(lambda entry: entry.is_sealed == sealed)
        if where is not None:
            conditions.append(where)
        chosen = object.__new__(type(self))
        chosen.__dict__.update(self.__dict__)
        chosen._conditions = self._conditions + tuple(conditions)
        chosen.entries = tuple(entry for entry in self.entries if all(holds(entry) for holds in conditions))
        return chosen

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[StreamEntry]:
        return iter(self.entries)

    def __getitem__(self, key: int | str) -> StreamEntry:
        """By number, or by a name such as `task-00042/lifetime-000/actor-0007.h5`."""
        if isinstance(key, int):
            return self.entries[key]
        for entry in self.entries:
            if entry.name == key:
                return entry
        raise HistoriesError(f"{self.path} has no stream {key!r} among {len(self.entries)}")

    def __repr__(self) -> str:
        return f"<Histories {self.path}: {len(self.entries)} streams>"

    def episodes(self, kind: Literal["pandas", "polars"] = "pandas") -> Any:
        """A frame with a row for each episode, see `distillery.histories.frames.episodes`."""
        from .frames import episodes

        return episodes(self, kind)

    def windows(
        self, *, length: int, seed: int, settings: "WindowSettings | None" = None, **options: Any
    ) -> "WindowSampler":
        """What draws the windows that Distillery's distiller draws, see `distillery.histories.WindowSampler`."""
        from .windows import WindowSampler

        return WindowSampler(self, length=length, seed=seed, settings=settings, **options)

    def _entry(self, path: str, run: Path | None) -> StreamEntry:
        place = StreamPlace.of(path)
        row = self._catalog.streams.get(os.path.relpath(path, run)) if run else None
        return StreamEntry(Path(path), place, row, self._catalog.splits.get(place.task) if place else None)


def _among(name: str, numbers: Numbers) -> Callable[[StreamEntry], bool]:
    allowed = frozenset([numbers] if isinstance(numbers, int) else numbers)
    return lambda entry: getattr(entry, name) in allowed


def _run_of(path: Path) -> Path | None:
    """The run's folder that a path lies in, where there is a catalogue: up to five folders above a stream."""
    absolute = path.absolute()
    for folder in (absolute, *absolute.parents[:5]):
        if (folder / "catalog.sqlite").is_file():
            return folder
    return None


def _collect(folder: str, depth: int, found: list[str], marked: set[str], elsewhere: list[str]) -> None:
    """Files of streams, the names of those that were moved aside because they were damaged, and links to nowhere."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise HistoriesError(f"{folder}: the folder cannot be listed: {error.strerror}") from None
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.name.endswith(".h5"):
            found.append(entry.path)
        elif ".h5.quarantine" in entry.name or ".h5.damaged" in entry.name:
            marked.add(entry.path[: entry.path.rindex(".h5.")] + ".h5")
        elif entry.is_dir():
            if depth < _GREATEST_DEPTH:
                _collect(entry.path, depth + 1, found, marked, elsewhere)
        elif entry.is_symlink() and not os.path.exists(entry.path):
            elsewhere.append(entry.path)
