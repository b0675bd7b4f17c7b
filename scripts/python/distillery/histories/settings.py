"""Which windows are drawn, the section `distil.windows` of an experiment (Sources/Distillation/WindowSettings.swift)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from .errors import HistoriesError

_LARGEST = 1_000_000


@dataclass(frozen=True)
class WindowSettings:
    """Names, defaults and meanings are those of an experiment's `distil.windows`; docs/experiments.md has them.

    None is what `none` and `all` are there. Raises `HistoriesError` for what is out of range.
    """

    every_episodes: int = 1
    shown_episodes: int | None = None
    share_from_start: float = 0.3
    teach_first_half: bool = False
    streams_per_lifetime: int | None = None
    last_share: float = 1.0
    expert_share: float | None = None
    weighting: Literal["rows", "improvement"] = "rows"
    tasks: int | None = None

    def __post_init__(self) -> None:
        for name in ("every_episodes", "shown_episodes", "streams_per_lifetime", "tasks"):
            value = getattr(self, name)
            if value is None and name != "every_episodes":
                continue
            whole = isinstance(value, int) and not isinstance(value, bool)
            _require(whole and 1 <= value <= _LARGEST, name, f"a whole number from 1 to {_LARGEST}", value)
        _require(_is_number(self.share_from_start, 0, 1), "share_from_start", "from 0 to 1", self.share_from_start)
        last = self.last_share
        _require(_is_number(last, 0, 1) and last > 0, "last_share", "above 0, to 1", last)
        expert = self.expert_share
        _require(expert is None or (_is_number(expert, 0, 1) and expert < 1), "expert_share", "from 0, below 1", expert)
        _require(isinstance(self.teach_first_half, bool), "teach_first_half", "true or false", self.teach_first_half)
        _require(self.weighting in ("rows", "improvement"), "weighting", "rows or improvement", self.weighting)
        if self.shown_episodes is not None and self.every_episodes > 1:
            raise HistoriesError(
                "windows: shown_episodes and every_episodes: each stream has a k of its own, or all have one; "
                "write one of them"
            )

    @staticmethod
    def of(section: Mapping[str, Any]) -> "WindowSettings":
        """From an experiment's section as YAML or JSON gives it. Raises `HistoriesError` for an unknown key."""
        known = {field.name for field in fields(WindowSettings)}
        for key in section:
            if key not in known:
                raise HistoriesError(f"windows: unknown key {key!r}, expected one of {', '.join(sorted(known))}")
        return WindowSettings(**{key: None if value in ("none", "all") else value for key, value in section.items()})

    @property
    def is_sealed_only(self) -> bool:
        """Streams that still grow do not count: where their learning ends is not known."""
        return self.last_share < 1 or self.expert_share is not None

    def every(self, episodes: int) -> int:
        """Which episodes of a stream of so many are shown: every k-th."""
        if self.shown_episodes is None:
            return self.every_episodes
        return max(1, (episodes + self.shown_episodes - 1) // self.shown_episodes)


def _require(holds: bool, name: str, expected: str, found: object) -> None:
    if not holds:
        raise HistoriesError(f"windows: {name} is {found!r}, expected {expected}")


def _is_number(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
