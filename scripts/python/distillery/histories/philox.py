"""Philox4x32-10 (Salmon et al. 2011), over arrays of counters (Sources/Experience/Philox.swift)."""

import sys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

UInt64s = npt.NDArray[np.uint64]
Words = tuple[UInt64s, UInt64s, UInt64s, UInt64s]

PURPOSE_WINDOWS = 4
"""Which windows a training batch takes."""
PURPOSE_MASKING = 5
"""Which tokens are masked."""

_FIRST, _SECOND = np.uint64(0xD251_1F53), np.uint64(0xCD9E_8D57)
# Where the halves of a number of 64 bits lie among numbers of 32.
_LOWER, _UPPER = (slice(0, None, 2), slice(1, None, 2))[:: 1 if sys.byteorder == "little" else -1]
_LOW = np.uint64(0xFFFF_FFFF)
_HALF = np.uint64(32)
_BLOCK = 8192
"""Counters that are worked on at once: all arrays of a round stay in a processor's second-level cache."""


@dataclass(frozen=True)
class Philox:
    """A generator under one key. A number depends on key and counter alone; drawing changes nothing."""

    key0: int
    key1: int

    @staticmethod
    def of_seed(seed: int) -> "Philox":
        """The generator of what belongs to no stream: `Philox(StreamKey(seed:, task: 0, repetition: 0, actor: 0))`."""
        if not 0 <= seed < 1 << 64:
            raise ValueError(f"a seed is a whole number from 0 to 2^64 - 1, found {seed}")
        zero = np.zeros(1, np.uint64)
        mixed = Philox(seed & 0xFFFF_FFFF, seed >> 32).block(zero, zero, zero, zero + np.uint64(0x4449_5354))
        return Philox(int(mixed[0][0]), int(mixed[1][0]))

    def block(self, c0: UInt64s, c1: UInt64s, c2: UInt64s, c3: UInt64s) -> Words:
        """Four words below 2^32 for each counter (c0, c1, c2, c3), words of 32 bits in arrays (N) of 64."""
        count = len(c0)
        if count <= _BLOCK:
            return self._rounds(c0, c1, c2, c3)
        words = tuple(np.empty(count, np.uint64) for _ in range(4))
        for start in range(0, count, _BLOCK):
            part = slice(start, start + _BLOCK)
            for whole, piece in zip(words, self._rounds(c0[part], c1[part], c2[part], c3[part])):
                whole[part] = piece
        return words  # type: ignore[return-value]

    def _rounds(self, c0: UInt64s, c1: UInt64s, c2: UInt64s, c3: UInt64s) -> Words:
        x, z = c0, c2
        y, w = c1.astype(np.uint32), c3.astype(np.uint32)
        k0, k1 = self.key0, self.key1
        for _ in range(10):
            # Halves of the products are read where they lie: neither shifts nor masks are needed.
            first = np.multiply(x, _FIRST, dtype=np.uint64).view(np.uint32)
            second = np.multiply(z, _SECOND, dtype=np.uint64).view(np.uint32)
            x = second[_UPPER] ^ y
            x ^= np.uint32(k0)
            z = first[_UPPER] ^ w
            z ^= np.uint32(k1)
            y, w = second[_LOWER], first[_LOWER]
            k0 = (k0 + 0x9E37_79B9) & 0xFFFF_FFFF
            k1 = (k1 + 0xBB67_AE85) & 0xFFFF_FFFF
        return x.astype(np.uint64), y.astype(np.uint64), z.astype(np.uint64), w.astype(np.uint64)


def unit(words: UInt64s) -> npt.NDArray[np.float32]:
    """The upper 24 bits of words of 32 as numbers in [0, 1), exactly."""
    return (words >> np.uint64(8)).astype(np.float32) * np.float32(2.0**-24)


def pick(high: UInt64s, low: UInt64s, count: UInt64s) -> npt.NDArray[np.int64]:
    """Numbers below `count` (N) from 64 random bits each: the upper half of a product of 128 bits."""
    count_high, count_low = count >> _HALF, count & _LOW
    middle = high * count_low + ((low * count_low) >> _HALF)
    rest = low * count_high + (middle & _LOW)
    return (high * count_high + (middle >> _HALF) + (rest >> _HALF)).astype(np.int64)
