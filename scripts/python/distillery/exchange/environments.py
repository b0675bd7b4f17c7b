"""The environment that a stream's attributes name."""

import json
from dataclasses import dataclass, replace

from ..histories import Environment, Space
from .attributes import Attributes
from .errors import ExchangeError


@dataclass(frozen=True)
class EnvironmentNames:
    """What imported streams are to say of their environment, so that an experiment that names it takes them.

    None: what their source says of it. `settings`: JSON as `distillery histories show` prints it behind the name.
    """

    name: str | None = None
    settings: str | None = None
    horizon: int | None = None

    def applied(self, environment: Environment) -> Environment:
        """Raises `ExchangeError` where `settings` are no JSON object."""
        if self.settings is not None:
            try:
                is_object = isinstance(json.loads(self.settings), dict)
            except ValueError:
                is_object = False
            if not is_object:
                raise ExchangeError(f"the environment's settings should be a JSON object, found {self.settings!r:.80}")
        return replace(
            environment,
            name=environment.name if self.name is None else self.name,
            json=environment.json if self.settings is None else self.settings,
            horizon=environment.horizon if self.horizon is None else self.horizon,
        )


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
