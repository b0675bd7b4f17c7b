"""The environment that a stream's attributes name."""

from ..histories import Environment, Space
from .attributes import Attributes
from .errors import ExchangeError


def environment_of(attributes: Attributes, where: str) -> Environment:
    """Raises `ExchangeError` for what is missing or no space."""
    try:
        observation_space = Space.parse(str(attributes["observation_space"]))
        stored_name, stored_space = "observations", observation_space
        if "stored_name" in attributes:
            stored_name, stored_space = str(attributes["stored_name"]), Space.parse(str(attributes["stored_space"]))
        return Environment(
            name=str(attributes["environment"]),
            json=str(attributes["environment_json"]),
            horizon=int(attributes["horizon"]),
            observation_space=observation_space,
            action_space=Space.parse(str(attributes["action_space"])),
            stored_name=stored_name,
            stored_space=stored_space,
        )
    except KeyError as error:
        raise ExchangeError(f"{where}: attribute {error.args[0]} is missing") from None
    except ValueError as error:
        raise ExchangeError(f"{where}: {error}") from None
