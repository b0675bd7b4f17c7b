"""What goes wrong with an export or an import, in words for people."""

import importlib
from types import ModuleType

from ..histories import HistoriesError


class ExchangeError(HistoriesError):
    """Data that cannot be written in another format, or taken from one: says what was expected and what came."""


UNREADABLE = (KeyError, OSError, RuntimeError, IndexError, TypeError, ValueError, AttributeError)
"""What h5py raises where a file lacks something, or has something else in its place."""


def library(name: str) -> ModuleType:
    """A module of a library that only some formats need. Raises `ExchangeError` with how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ExchangeError(
            f"this needs the package {name.split('.')[0]!r} ({error}); install it with: pip install 'distillery[exchange]'"
        ) from None
