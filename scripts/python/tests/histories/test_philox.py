"""The generator against the published vectors of Random123, and against plain numbers."""

import random

import numpy as np
import pytest

from distillery.histories.philox import Philox, pick, unit

from .reference import block, key_of


@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [
        ((0, 0), (0, 0, 0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 4, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0xA4093822, 0x299F31D0),
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_known_answers(key: tuple[int, int], counter: tuple[int, ...], expected: tuple[int, ...]) -> None:
    arrays = [np.array([number], np.uint64) for number in counter]
    assert tuple(int(word[0]) for word in Philox(*key).block(*arrays)) == expected
    assert block(key, counter) == expected  # type: ignore[arg-type]


def test_many_counters_give_what_each_gives_by_itself() -> None:
    counters = [np.arange(20_000, dtype=np.uint64) * np.uint64(factor) & np.uint64(0xFFFFFFFF) for factor in (1, 7, 99, 3)]
    words = Philox.of_seed(1 << 40).block(*counters)
    for place in (0, 8191, 8192, 16_384, 19_999):
        counter = tuple(int(column[place]) for column in counters)
        assert tuple(int(word[place]) for word in words) == block(key_of(1 << 40), counter)  # type: ignore[arg-type]


def test_a_choice_is_the_upper_half_of_the_product(seed: int) -> None:
    numbers = random.Random(seed)
    for _ in range(2000):
        high, low = numbers.getrandbits(32), numbers.getrandbits(32)
        count = numbers.getrandbits(numbers.randint(1, 62)) + 1
        found = pick(*(np.array([number], np.uint64) for number in (high, low, count)))
        assert int(found[0]) == (high << 32 | low) * count >> 64


def test_a_word_as_a_number_below_one() -> None:
    assert unit(np.array([0, 255, 256, 0xFFFFFFFF], np.uint64)).tolist() == [0, 0, 2**-24, 1 - 2**-24]
