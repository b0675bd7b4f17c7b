"""Streams of random episodes, some of them cut, written by h5py alone."""

import os
from pathlib import Path

import pytest

from .made import SPACES, random_run


@pytest.fixture
def seed() -> int:
    """Of a random test; set DISTILLERY_TEST_SEED to repeat one. It is printed where the test fails."""
    found = int(os.environ.get("DISTILLERY_TEST_SEED", int.from_bytes(os.urandom(4))))
    print(f"DISTILLERY_TEST_SEED={found}")
    return found


@pytest.fixture(params=SPACES)
def run(request: pytest.FixtureRequest, tmp_path: Path, seed: int) -> Path:
    """A run with five streams of three tasks, once for each kind of space."""
    return random_run(tmp_path / "run", seed, kind=request.param)
