"""The copies of an environment that one client acts in."""

from __future__ import annotations

import contextlib
import traceback
from typing import Any

import gymnasium
import numpy as np

from .making import EnvironmentMaker, read_task
from .spaces import StoredSpace

# Copies of one client.
MOST_COPIES = 4096


class RequestRefused(Exception):
    """The request cannot be done, and nothing has changed."""


class EnvironmentBroken(Exception):
    """The environment failed: the client's copies are lost."""


class Copies:
    """Copies of one environment, numbered from 0, stepped together by one thread.

    Each may be on a task of its own; all have the spaces ``observation`` and ``action``.
    """

    def __init__(self, maker: EnvironmentMaker, observation: StoredSpace, action: StoredSpace) -> None:
        self._maker = maker
        self._observation = observation
        self._action = action
        self._environments: list[gymnasium.Env[Any, Any]] = []
        self._tasks: list[str] = []
        self._running: list[bool] = []
        self._allocate(0)

    def __len__(self) -> int:
        return len(self._environments)

    def reset(self, indices: list[int], seeds: list[int], task: str) -> bytes:
        """Begins an episode in these copies: their observations, (copies, bytes). Seed 0 lets random numbers go on.

        Raises ``RequestRefused`` for what cannot be asked, ``EnvironmentBroken`` for what the environment raises.
        """
        last = max([len(self) - 1, *indices])
        if last >= MOST_COPIES or set(range(len(self), last + 1)) - set(indices) or len(set(indices)) != len(indices):
            raise RequestRefused(
                f"expected different copies below {MOST_COPIES} without holes behind the {len(self)} that there are, "
                f"found {indices[:8]}")
        try:
            parsed = read_task(task)
            self._maker.keywords(parsed)
        except ValueError as error:
            raise RequestRefused(str(error)) from None
        if last >= len(self):
            self._allocate(last + 1)
        rows = self._observation.zeros(len(indices))
        for place, (index, seed) in enumerate(zip(indices, seeds, strict=True)):
            rows[place] = self._reset_one(index, seed, task, parsed)
        return rows.tobytes()

    def step(self, actions: bytes) -> tuple[bytes, bytes, bytes, bytes]:
        """One step of every copy: observations (B, bytes), rewards (B) float32, terminations (B), truncations (B).

        Raises as ``reset`` does; a copy whose episode has ended has to be reset before.
        """
        if not self._environments:
            raise RequestRefused("there are no copies yet: expected a reset before the first step")
        if not all(self._running):
            raise RequestRefused(f"copy {self._running.index(False)} has to be reset before its next step")
        try:
            chosen = self._action.elements(actions, len(self))
        except ValueError as error:
            raise RequestRefused(str(error)) from None
        rows, rewards, terminations, truncations = self._rows, self._rewards, self._terminations, self._truncations
        seen: list[Any] = [None] * len(self)
        index = 0
        try:
            for index, environment in enumerate(self._environments):
                seen[index], rewards[index], terminations[index], truncations[index], _ = environment.step(chosen[index])
        except Exception as error:
            raise self._broken(error, f"step of copy {index}") from error
        try:
            self._observation.store_all(seen, rows, "the observation")
            if not np.isfinite(rewards).all():
                index = int(np.argmin(np.isfinite(rewards)))
                raise ValueError(f"the reward of copy {index} is {rewards[index]}, expected a number")
        except Exception as error:
            raise self._broken(error, "step") from error
        self._running = (~(terminations | truncations)).tolist()
        return rows.tobytes(), rewards.tobytes(), terminations.tobytes(), truncations.tobytes()

    def close(self) -> None:
        """Lets go of all copies; what they raise then is not told."""
        for environment in self._environments:
            with contextlib.suppress(Exception):
                environment.close()
        self._environments, self._tasks, self._running = [], [], []

    def _allocate(self, count: int) -> None:
        self._rows = self._observation.zeros(count)
        self._rewards = np.zeros(count, np.dtype("<f4"))
        self._terminations = np.zeros(count, np.bool_)
        self._truncations = np.zeros(count, np.bool_)

    def _reset_one(self, index: int, seed: int, task: str, parsed: dict[str, Any]) -> np.ndarray:
        """The row of its first observation. A copy on another task is made anew."""
        try:
            if index >= len(self):
                self._environments.append(self._maker.make(parsed))
                self._tasks.append(task)
                self._running.append(False)
                self._check_spaces(self._environments[index])
            elif self._tasks[index] != task:
                self._environments[index].close()
                self._environments[index] = self._maker.make(parsed)
                self._tasks[index] = task
                self._check_spaces(self._environments[index])
            seen, _ = self._environments[index].reset(seed=seed or None)
            row = self._observation.zeros(1)[0]
            self._observation.store(seen, row, f"the first observation of copy {index}")
        except Exception as error:
            raise self._broken(error, f"reset of copy {index}") from error
        self._running[index] = True
        return row

    def _check_spaces(self, environment: gymnasium.Env[Any, Any]) -> None:
        """All tasks have the spaces that were described: others could not be stored."""
        for described, space in (
            (self._observation, environment.observation_space),
            (self._action, environment.action_space),
        ):
            if StoredSpace(space).message() != described.message():
                raise ValueError(f"this task has the space {space}, expected {described.space} as of all tasks")

    @staticmethod
    def _broken(error: Exception, where: str) -> EnvironmentBroken:
        """With the line of code at which it happened."""
        frames = traceback.extract_tb(error.__traceback__)
        at = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
        return EnvironmentBroken(f"{where}: {type(error).__name__}: {error}{at}")
