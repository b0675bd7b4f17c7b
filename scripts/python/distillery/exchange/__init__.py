"""Histories in the formats of others, and theirs as histories: Minari, XLand-100B and Parquet.

    python -m distillery.exchange export --format minari runs/quickstart --out datasets/dark-room/a3c-v0
    python -m distillery.exchange import --format minari datasets/dark-room/a3c-v0 --out runs/again

What these formats have no place for is kept beside it, so that a stream that comes back is the stream that went.
"""

from .environments import EnvironmentNames
from .errors import ExchangeError
from .minari_export import export_minari
from .minari_import import import_minari
from .parquet import export_parquet
from .summary import Summary
from .xland_export import export_xland
from .xland_import import import_xland

__all__ = [
    "EnvironmentNames",
    "ExchangeError",
    "Summary",
    "export_minari",
    "export_parquet",
    "export_xland",
    "import_minari",
    "import_xland",
]
