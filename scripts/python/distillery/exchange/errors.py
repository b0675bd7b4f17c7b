"""What goes wrong with an export or an import, in words for people."""

import importlib
from types import ModuleType

from ..histories import HistoriesError


class ExchangeError(HistoriesError):
    """Data that cannot be written in another format, or taken from one: says what was expected and what came."""


def library(name: str) -> ModuleType:
    """A module of a library that only some formats need. Raises `ExchangeError` with how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ExchangeError(
            f"this needs the package {name.split('.')[0]!r} ({error}); install it with: pip install 'distillery[exchange]'"
        ) from None
