"""Files, folders and locks that survive whatever dies. Every function throws OSError."""

import fcntl
import os
import shutil
from pathlib import Path
from typing import TextIO


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(path: Path, content: bytes) -> None:
    """Writes bytes and waits until they are on the disk; the name is durable once its folder is synced."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def publish_folder(partial: Path, final: Path) -> None:
    """Gives a folder whose files are on the disk its final name; one that has the name goes out of its way first."""
    sync_folder(partial)
    if final.exists():
        remove_folder(final)
    os.rename(partial, final)
    sync_folder(final.parent)


def remove_folder(folder: Path) -> None:
    """Under another name first, so that half of it is never taken for a whole."""
    removed = folder.with_name(f".removed-{folder.name}")
    shutil.rmtree(removed, ignore_errors=True)
    os.rename(folder, removed)
    shutil.rmtree(removed)


class LockedError(Exception):
    """Another process writes there."""


def training_lock(folder: Path) -> TextIO:
    """Takes the lock of who writes checkpoints into a folder, the one that `distillery distill` takes. What it gives is a
    context that holds the lock; it dies with its process. Throws LockedError where another process has it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = open(folder / ".distill.lock", "a", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        if isinstance(error, BlockingIOError):
            raise LockedError(f"another distill command writes {folder}: stop it first") from None
        raise LockedError(f"cannot lock {folder}: {error.strerror}") from error
    return file
