"""Streams as a recorder writes them, by h5py, for tests that need none of Distillery's."""

import os
from pathlib import Path

import pytest

from .made import MadeStream


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Of a random test; set DISTILLERY_TEST_SEED to repeat one. It is printed where the test fails."""
    found = int(os.environ.get("DISTILLERY_TEST_SEED", int.from_bytes(os.urandom(4))))
    print(f"DISTILLERY_TEST_SEED={found}")
    return found


@pytest.fixture
def stream(tmp_path: Path) -> MadeStream:
    """Three episodes of 4, 2 and 3 rows in rollouts of 5 and 4."""
    made = MadeStream(tmp_path / "task-00042/lifetime-001/actor-0007.h5")
    made.rollout(lengths=[4, 1])
    made.rollout(lengths=[1, 3], goes_on=True)
    return made
