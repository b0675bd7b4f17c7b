"""Windows that Distillery drew from the streams of `tests/golden`; Tests/DistillationTests/GoldenWindows.swift makes them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distillery.histories import Histories, WindowSampler, WindowSettings

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = [json.loads(line) for line in (GOLDEN / "windows.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_windows_are_those_that_distillery_draws_to_the_last_bit(case: dict[str, Any]) -> None:
    length = case["length"]
    sampler = WindowSampler(
        GOLDEN / case["folder"],
        length=length,
        seed=case["seed"],
        settings=WindowSettings.of(case["settings"]),
        masking_probability=case["masking_probability"],
        masks_together=case["masks_together"],
        growing=case["growing"],
        optimum={int(task): best for task, best in case["optimum"].items()},
    )
    assert len(case["windows"]) == 6 * len(case["steps"])
    drawn = sampler.windows(
        np.array([window["step"] for window in case["windows"]]), np.array([window["index"] for window in case["windows"]])
    )
    for number, window in enumerate(case["windows"]):
        if "components" in window:
            assert drawn.components[number].reshape(-1).tolist() == window["components"]
        else:
            assert same(drawn.observations[number], window["observations"])
        assert drawn.previous_actions[number].tolist() == window["previous_actions"]
        assert same(drawn.previous_rewards[number], window["previous_rewards"])
        assert drawn.masked[number].tolist() == window["masked"]
        assert drawn.actions[number].tolist() == window["actions"]
        assert drawn.taught[number].tolist() == [taught == 1 for taught in window["taught"]]


def same(found: np.ndarray, expected: list[float]) -> bool:
    assert found.dtype == np.float32
    return found.tobytes() == np.array(expected, np.float32).tobytes()


def test_golden_streams_show_what_windows_can_meet() -> None:
    """So that none of the cases above is about less than it says."""
    assert len(CASES) == 20 and len({case["name"] for case in CASES}) == 20
    ends = set()
    for entry in Histories(GOLDEN / "integers"):
        with entry.open() as stream:
            ends |= set(stream.episodes.end.tolist())
    assert ends == {0, 1, 2, 3}
    assert any(not entry.metadata.is_sealed for entry in Histories(GOLDEN / "integers"))
    paddings = [window for case in CASES for window in case["windows"] if not all(window["taught"])]
    assert any(window["taught"][0] == 0 for window in paddings) and any(window["taught"][0] == 1 for window in paddings)
