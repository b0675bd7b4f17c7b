"""Elements of Gymnasium's spaces, stored and read back."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from distillery.environment import StoredSpace
from distillery.environment.spaces import UnsupportedSpace
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete

SPACES = [
    Discrete(5),
    Discrete(3, start=-1),
    Discrete(300),
    MultiDiscrete([4, 9]),
    MultiDiscrete([[2, 300], [4, 5]]),
    MultiBinary(3),
    Box(0, 255, (4, 5, 3), np.uint8),
    Box(-3, 9, (2, 2), np.int64),
    Box(-1, 1, (4,), np.float32),
    Box(-np.inf, np.inf, (2, 3), np.float64),
]


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_elements_come_back_as_they_were(space: gymnasium.Space) -> None:
    stored = StoredSpace(space)
    space.seed(4)
    elements = [space.sample() for _ in range(7)]
    rows = stored.zeros(7)
    stored.store_all(elements, rows, "it")
    single = stored.zeros(7)
    for element, row in zip(elements, single, strict=True):
        stored.store(element, row, "it")
    assert (rows == single).all()
    data = rows.tobytes()
    assert len(data) == 7 * stored.width
    for element, back in zip(elements, stored.elements(data, 7), strict=True):
        assert np.allclose(element, back, rtol=1e-6)
        assert space.contains(back)


@pytest.mark.parametrize(
    ("space", "wrong"),
    [
        (Discrete(5), 5),
        (Discrete(3, start=-1), 2),
        (MultiDiscrete([4, 9]), np.array([4, 0])),
        (Box(0, 255, (2, 2), np.uint8), np.zeros((2, 3), np.uint8)),
        (Box(0, 9, (2,), np.uint8), np.array([10, 0])),
        (Box(-1, 1, (2,), np.float32), np.array([np.nan, 0])),
        (Box(-1, 1, (2,), np.float32), "three"),
        (Box(-1, 1, (2,), np.float32), np.zeros(10_000_000, np.float32)),
    ],
    ids=str,
)
def test_what_is_not_of_the_space_is_refused_by_the_name_of_its_copy(space: gymnasium.Space, wrong: object) -> None:
    stored = StoredSpace(space)
    right = space.sample()
    with pytest.raises((ValueError, TypeError)) as failure:
        stored.store_all([right, wrong], stored.zeros(2), "the observation")
    assert "copy 1" in str(failure.value) or isinstance(failure.value, TypeError)


def test_floats_beyond_their_bounds_by_rounding_are_taken_for_these() -> None:
    stored = StoredSpace(Box(-1, 1, (2,), np.float32))
    rows = stored.zeros(1)
    stored.store_all([np.array([1.0000001, -2])], rows, "it")
    assert rows.tolist() == [[1, -1]]


def test_actions_outside_of_their_space_are_refused() -> None:
    for space, data in [(Discrete(5), b"\x05"), (MultiDiscrete([4, 9]), b"\x04\x00"), (Discrete(5), b"\x00\x00")]:
        with pytest.raises(ValueError):
            StoredSpace(space).elements(data, 1)
    nan = np.array([np.nan], "<f4").tobytes()
    with pytest.raises(ValueError):
        StoredSpace(Box(-1, 1, (1,), np.float32)).elements(nan, 1)


def test_spaces_that_cannot_be_stored_name_what_can() -> None:
    with pytest.raises(UnsupportedSpace, match="wrapper"):
        StoredSpace(gymnasium.spaces.Dict(image=Discrete(3)))
    with pytest.raises(UnsupportedSpace, match="bytes"):
        StoredSpace(Box(0, 1, (4096, 4096), np.float32))
