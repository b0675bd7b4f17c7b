"""Learning histories: streams, also while they grow, their episodes, and the windows that models are taught with.

    from distillery.histories import Histories
    histories = Histories("runs/quickstart")
    histories.filter(task=range(10), split="train").episodes("polars")
    sampler = histories.windows(length=100, seed=0)
    sampler.batch(step=0, windows=64).actions

`distillery.histories.torch` has datasets for PyTorch; `python -m distillery.histories.bench` measures.
"""

from .errors import HistoriesError, StreamError
from .folder import Histories, StreamEntry
from .episodes import Episodes
from .metadata import Environment, Metadata
from .places import StreamPlace
from .settings import WindowSettings
from .spaces import Space
from .stream import Stream
from .windows import MASKED_ACTION, MASKED_REWARD, WindowBatch, WindowSampler

__all__ = [
    "MASKED_ACTION",
    "MASKED_REWARD",
    "Environment",
    "Episodes",
    "Histories",
    "HistoriesError",
    "Metadata",
    "Space",
    "Stream",
    "StreamEntry",
    "StreamError",
    "StreamPlace",
    "WindowBatch",
    "WindowSampler",
    "WindowSettings",
]
