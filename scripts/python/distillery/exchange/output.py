"""What is written appears whole under its name, or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import ExchangeError


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder to write into, beside `out`, that gets the name `out` when all went well and is removed when not.

    Raises `ExchangeError` where there is something at `out` already.
    """
    temporary = _beside(out)
    try:
        yield temporary
        for path in sorted(temporary.rglob("*")):
            _synchronize(path)
        _take_name(temporary, out)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


@contextmanager
def new_file(out: Path) -> Iterator[Path]:
    """The same for one file."""
    temporary = _beside(out)
    try:
        inner = temporary / out.name
        yield inner
        _synchronize(inner)
        _take_name(inner, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _beside(out: Path) -> Path:
    """In the folder of `out`, so that a rename is enough."""
    _refuse(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent))
    except OSError as error:
        raise ExchangeError(f"{out}: cannot be written: {error.strerror}") from None


def _refuse(out: Path) -> None:
    if out.exists() or out.is_symlink():
        raise ExchangeError(f"{out}: exists already; expected a new name (nothing is written over)")


def _take_name(made: Path, out: Path) -> None:
    # Somebody may have put something there meanwhile. A folder is never renamed onto a full one, a file would be.
    _refuse(out)
    # What mkdtemp makes is its owner's alone.
    if made.is_dir():
        made.chmod(0o777 & ~_umask())
    os.rename(made, out)
    _synchronize(out.parent)


def _synchronize(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    found = os.umask(0o022)
    os.umask(found)
    return found
