"""How a copy of an environment is made for a task."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import json
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium


class EnvironmentMaker:
    """Makes copies of one environment, of which only the task differs.

    A task is a JSON object:

    - ``{"number": 17}``, where the class makes its tasks from their numbers: its static method ``task(number)`` gives the keyword
      arguments, and ``tasks`` says how many there are;
    - ``{"seed": 17}``: no keyword arguments; every episode is reset with this seed;
    - anything else: the keyword arguments themselves.
    """

    def __init__(
        self,
        *,
        gymnasium_id: str | None = None,
        factory: str | None = None,
        arguments: dict[str, Any] | None = None,
        wrappers: Sequence[str] = (),
    ) -> None:
        """Exactly one of ``gymnasium_id`` and ``factory`` (``module:Class``); ``arguments`` are those of all tasks."""
        if (gymnasium_id is None) == (factory is None):
            raise ValueError("expected either an id of Gymnasium's or a class, as in --gymnasium ID or --class MODULE:CLASS")
        self.name = gymnasium_id or factory or ""
        self.arguments = dict(arguments or {})
        self.wrappers = [_named(wrapper) for wrapper in wrappers]
        if factory is not None:
            self._make: Callable[..., Any] = _named(factory)
        else:
            self._make = lambda **keywords: gymnasium.make(gymnasium_id, **keywords)

    @property
    def tasks(self) -> int:
        """Tasks that the class makes from their numbers; 0 where there are none of this kind."""
        count = getattr(self._make, "tasks", 0)
        return int(count) if callable(getattr(self._make, "task", None)) else 0

    def keywords(self, task: dict[str, Any]) -> dict[str, Any]:
        """The keyword arguments of a task. Raises ``ValueError`` for a number that no task has."""
        if set(task) == {"seed"}:
            return self.arguments
        if set(task) != {"number"} or not self.tasks:
            return {**self.arguments, **task}
        number = task["number"]
        if not isinstance(number, int) or not 0 <= number < self.tasks:
            raise ValueError(f"task {number!r} is not one of the {self.tasks} tasks of {self.name}")
        return {**self.arguments, **self._make.task(number)}  # type: ignore[attr-defined]

    def make(self, task: dict[str, Any]) -> gymnasium.Env[Any, Any]:
        """A copy of the environment for the task; raises what the environment raises."""
        environment = self._make(**self.keywords(task))
        for wrapper in self.wrappers:
            environment = wrapper(environment)
        return environment

    def example(self) -> gymnasium.Env[Any, Any]:
        """A copy for any of the tasks, to ask what is the same for all of them."""
        return self.make({"number": 0} if self.tasks else {})

    def horizon(self, environment: gymnasium.Env[Any, Any]) -> int:
        """Most steps of an episode, 0 where there is no limit: Gymnasium's own, or what the class calls ``horizon``."""
        spec = getattr(environment, "spec", None)
        limit = getattr(spec, "max_episode_steps", None) or getattr(environment.unwrapped, "horizon", None)
        return int(limit) if limit else 0

    def software(self, environment: gymnasium.Env[Any, Any]) -> dict[str, str]:
        """Packages that the environment comes from, with their versions."""
        modules = {"gymnasium", type(environment.unwrapped).__module__.split(".")[0]}
        found = {}
        for module in sorted(modules):
            distribution = _distribution(module)
            if distribution is not None:
                found[distribution.metadata["Name"]] = distribution.version
        return found


def _distribution(module: str) -> importlib.metadata.Distribution | None:
    """The installed package that an imported module comes from; None for a file of one's own.

    Most have the module's name. To look for another name takes as long as to import Gymnasium, since it reads what all
    packages have, so that it is done for what lies among installed packages alone.
    """
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.distribution(module)
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    if not {"site-packages", "dist-packages"} & set(pathlib.PurePath(file).parts):
        return None
    for package in importlib.metadata.packages_distributions().get(module, []):
        return importlib.metadata.distribution(package)
    return None


def read_task(text: str) -> dict[str, Any]:
    """A task's JSON object. Raises ``ValueError``."""
    try:
        task = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise ValueError(f"expected a task as a JSON object, found {text[:80]!r}: {error}") from None
    if not isinstance(task, dict):
        raise ValueError(f"expected a task as a JSON object, found {text[:80]!r}")
    return task


def _named(text: str) -> Any:
    """What ``module:name`` stands for. Raises ``ValueError``, or what the import raises."""
    module, colon, name = text.partition(":")
    if not (module and colon and name):
        raise ValueError(f"expected MODULE:CLASS, as in my_package.rooms:Room, found {text!r}")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        if not hasattr(found, part):
            raise ValueError(f"the module {module} has no {name}")
        found = getattr(found, part)
    return found
