"""Environments of one's own with tasks, as examples, and one that fails on purpose."""

from __future__ import annotations

import os
import time
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleEnv


class CartPole(CartPoleEnv):
    """Gymnasium's CartPole whose pole has another length in each task, and which is cut after ``horizon`` steps.

    A class with ``tasks`` and the static method ``task`` makes its tasks from their numbers: ``task`` gives the keyword arguments
    of the constructor. Lengths go from 0.1 to 2 in equal ratios (half of the pole, as Gymnasium counts it; its own is 0.5).
    """

    tasks = 24
    horizon = 200

    @staticmethod
    def task(number: int) -> dict[str, Any]:
        """The pole's length in task ``number``."""
        return {"length": float(0.1 * 20 ** (number / (CartPole.tasks - 1)))}

    def __init__(self, length: float = 0.5) -> None:
        super().__init__()
        self.length = length
        self.polemass_length = self.masspole * self.length
        self._steps = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins an episode."""
        self._steps = 0
        return super().reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One step; 1 for each in which the pole still stands."""
        seen, reward, terminated, _, info = super().step(action)
        self._steps += 1
        return seen, float(reward), terminated, not terminated and self._steps >= self.horizon, info


class Faulty(gymnasium.Env[Any, Any]):
    """Fails after so many steps in one of many ways, to see what becomes of a run then.

    ``fault``: ``raise``, ``exit``, ``hang``, ``shape``, ``nan``, ``reward``, ``huge``, ``outside``; ``none`` never fails. ``reset``,
    ``init`` and ``spaces`` fail before the first step.
    """

    horizon = 20

    def __init__(self, fault: str = "none", after: int = 30) -> None:
        if fault == "init":
            raise RuntimeError("this environment cannot be made")
        count = 3 if fault == "spaces" else 2
        self.observation_space = gymnasium.spaces.Box(-1, 1, (count,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(3)
        self._fault = fault
        self._left = after
        self._steps = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins an episode."""
        super().reset(seed=seed)
        if self._fault == "reset":
            raise RuntimeError("this environment cannot begin")
        self._steps = 0
        return self._observation(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One step; 1 for action 2."""
        self._steps += 1
        self._left -= 1
        seen: Any = self._observation()
        reward = 1.0 if action == 2 else 0.0
        if self._left < 0:
            match self._fault:
                case "raise":
                    raise RuntimeError("this environment breaks on purpose")
                case "exit":
                    os._exit(7)
                case "hang":
                    time.sleep(3600)
                case "shape":
                    seen = np.zeros(5, np.float32)
                case "nan":
                    seen = np.full(2, np.nan, np.float32)
                case "reward":
                    reward = float("nan")
                case "huge":
                    seen = np.zeros(50_000_000, np.float32)
                case "outside":
                    seen = "three"
        return seen, reward, False, self._steps >= self.horizon, {}

    def _observation(self) -> Any:
        return np.array([self._steps / self.horizon, 0], np.float32)
