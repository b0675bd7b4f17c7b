"""What a run's catalog.sqlite tells of its streams, so that none has to be opened. The files are the truth."""

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote


@dataclass(frozen=True)
class CatalogRow:
    """Of one stream, when its recorder last reported. `rows`: transitions."""

    rows: int
    is_sealed: bool


@dataclass(frozen=True)
class Catalog:
    """`streams`: by path below the run. `splits`, `optimal_returns`: by task; a return that is not known is left out."""

    streams: dict[str, CatalogRow] = field(default_factory=dict)
    splits: dict[int, str] = field(default_factory=dict)
    optimal_returns: dict[int, float] = field(default_factory=dict)


def read_catalog(path: Path) -> Catalog:
    """Empty where there is none, or one that cannot be read: streams are then opened for what they say themselves.

    The coordinator may be writing; it is not disturbed, and waits for nobody here.
    """
    if not path.is_file():
        return Catalog()
    try:
        connection = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True, timeout=2)
    except sqlite3.Error:
        return Catalog()
    try:
        streams = {
            name: CatalogRow(rows, bool(sealed))
            for name, rows, sealed in connection.execute("SELECT path, rows, sealed FROM streams")
        }
        tasks = connection.execute("SELECT id, split, optimal_return FROM tasks").fetchall()
        return Catalog(
            streams=streams,
            splits={task: split for task, split, _ in tasks},
            optimal_returns={task: best for task, _, best in tasks if best is not None},
        )
    except sqlite3.Error:
        return Catalog()
    finally:
        connection.close()
