"""Serves a Gymnasium environment, or a class of your own, to Distillery's actors.

``python -m distillery.environment --gymnasium CartPole-v1 --endpoint ipc:///tmp/cart-pole`` is the whole of it; Distillery's
actors start it by themselves where an experiment names the environment. docs/environments-python.md is the manual.
"""

from .copies import Copies, EnvironmentBroken, RequestRefused
from .making import EnvironmentMaker
from .server import Server
from .spaces import StoredSpace

__all__ = ["Copies", "EnvironmentBroken", "EnvironmentMaker", "RequestRefused", "Server", "StoredSpace"]
