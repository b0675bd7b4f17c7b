"""Opens stream files to read them, whoever writes to them meanwhile."""

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import h5py

from .errors import StreamError

_METADATA_READ_ATTEMPTS = 23
"""How often metadata that do not match their checksum are read again, because a writer may be at work on them. Pauses
double from one nanosecond: 8 ms in all. HDF5's own 100 attempts would never end on a damaged file."""
_HELD_BY_WRITER = "already open for"
"""In HDF5's error for a file that a writer has open, or had when it died."""


def open_file(path: Path) -> h5py.File:
    """A sealed file as it is; a growing one so that it may be written to meanwhile (SWMR). HDF5's locks are never taken,
    for with one a recorder could not recover the file. Raises `StreamError` where there is no HDF5 file."""
    try:
        if path.stat().st_size == 0:
            raise StreamError(path, "it is empty, expected a stream")
    except OSError as error:
        raise StreamError(path, f"it cannot be opened: {error.strerror}") from None
    try:
        file = h5py.File(path, "r", locking=False)
        if _is_sealed(file):
            return file
        file.close()
    except (OSError, RuntimeError) as error:
        # Where attempts cannot be bounded, a damaged file is not tried again: that might never end.
        if _HELD_BY_WRITER not in str(error) and _bound_attempts() is None:
            raise _failure(path, error) from None
    try:
        return _open_growing(path)
    except (OSError, RuntimeError) as error:
        raise _failure(path, error) from None


def _failure(path: Path, error: Exception) -> StreamError:
    return StreamError(path, f"it cannot be opened as an HDF5 file: {error}")


def _is_sealed(file: h5py.File) -> bool:
    try:
        return bool(file.attrs.get("complete", 1) == 1)
    except (OSError, RuntimeError, TypeError):
        # What is wrong is told when all attributes are read.
        return True


def _open_growing(path: Path) -> h5py.File:
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_file_locking(False, True)
    bound = _bound_attempts()
    if bound is not None:
        bound(access.id, _METADATA_READ_ATTEMPTS)
    flags = h5py.h5f.ACC_RDONLY | h5py.h5f.ACC_SWMR_READ
    return h5py.File(h5py.h5f.open(bytes(path), flags, fapl=access))


@cache
def _bound_attempts() -> Callable[[int, int], Any] | None:
    """`H5Pset_metadata_read_attempts` of the library that h5py has loaded, which h5py has no name for; None where that
    library is not found."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return None
    for name in sorted({line.split(maxsplit=5)[5] for line in lines if line.count("/") and "hdf5" in line}):
        try:
            function = ctypes.CDLL(name).H5Pset_metadata_read_attempts
        except (OSError, AttributeError):
            continue
        function.argtypes, function.restype = (ctypes.c_int64, ctypes.c_uint), ctypes.c_int
        return function  # type: ignore[no-any-return]
    return None
