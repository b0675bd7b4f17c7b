"""Windows drawn one by one with plain numbers, as Sources/Distillation/WindowSampler.swift is written; slow."""

import math
from dataclasses import dataclass

import numpy as np

from distillery.histories import WindowSettings


def block(key: tuple[int, int], counter: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    (k0, k1), (x, y, z, w) = key, counter
    for _ in range(10):
        first, second = 0xD2511F53 * x, 0xCD9E8D57 * z
        x, y, z, w = second >> 32 ^ y ^ k0, second & 0xFFFFFFFF, first >> 32 ^ w ^ k1, first & 0xFFFFFFFF
        k0, k1 = k0 + 0x9E3779B9 & 0xFFFFFFFF, k1 + 0xBB67AE85 & 0xFFFFFFFF
    return x, y, z, w


def key_of(seed: int) -> tuple[int, int]:
    return block((seed & 0xFFFFFFFF, seed >> 32), (0, 0, 0, 0x44495354))[:2]


def pick(high: int, low: int, count: int) -> int:
    return (high << 32 | low) * count >> 64


def unit(word: int) -> np.float32:
    return np.float32(word >> 8) * np.float32(2**-24)


@dataclass
class Life:
    """`episodes`: (first, end) rows of those that count, of the columns below."""

    task: int
    episodes: list[tuple[int, int]]
    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray


class Reference:
    """`optimum`: by task."""

    def __init__(self, lives: list[Life], settings: WindowSettings, length: int, seed: int, optimum: dict[int, float]):
        self.lives = [life for life in lives if life.episodes]
        self.settings, self.length, self.key = settings, length, key_of(seed)
        self.parts = [self.part(life) for life in self.lives]
        rises = [self.rise(life) / (optimum.get(life.task) or 1) for life in self.lives]
        best = max(rises, default=0) if settings.weighting == "improvement" else 0
        self.is_weighted = best > 0 or settings.shown_episodes is not None
        self.weights = []
        for (first, end, skipped, every), life, rise in zip(self.parts, self.lives, rises):
            rows = sum(b - a for a, b in life.episodes[first:end]) - skipped
            shown = rows if settings.shown_episodes is None else max(1, rows // every)
            self.weights.append(shown * (math.floor(rise / best * 65536 + 0.5) if best > 0 else 1))

    def returns(self, life: Life) -> list[float]:
        return [sum(float(reward) for reward in life.rewards[a:b]) for a, b in life.episodes]

    def rise(self, life: Life) -> float:
        returns = self.returns(life)
        pieces = min(20, len(returns))
        if pieces < 2:
            return 0
        bounds = [number * len(returns) // pieces for number in range(pieces + 1)]
        means = [sum(returns[a:b]) / (b - a) for a, b in zip(bounds, bounds[1:])]
        rise, moved = means[-1] - means[0], sum(abs(b - a) for a, b in zip(means, means[1:]))
        return rise * (rise / moved) if rise > 0 else 0

    def part(self, life: Life) -> tuple[int, int, int, int]:
        end = len(life.episodes)
        if self.settings.expert_share is not None:
            returns, length = self.returns(life), max(1, end // 20)
            means = [sum(returns[i : i + length]) / length for i in range(end - length + 1)]
            if max(means) > means[0]:
                enough = means[0] + 0.9 * (max(means) - means[0])
                first = next(i for i, mean in enumerate(means) if mean >= enough)
                end = max(1, int(min(end, math.floor(first / (1 - self.settings.expert_share)))))
        starts = [0]
        for a, b in life.episodes[:end]:
            starts.append(starts[-1] + b - a)
        rows = starts[end]
        row = rows - max(1, min(rows, math.ceil(self.settings.last_share * rows)))
        first = next((i for i in range(end) if starts[i] >= row), end - 1)
        shown = self.settings.shown_episodes
        every = self.settings.every_episodes if shown is None else max(1, (end + shown - 1) // shown)
        return first, end, max(0, row - starts[first]), every

    def window(self, step: int, index: int) -> tuple[list[int | None], int, bool, int]:
        """The rows of the life that the window shows (None for padding), its life, whether it is from the start."""
        words, more = (
            block(self.key, (4 | lane << 8, step & 0xFFFFFFFF, step >> 32, index)) for lane in (0, 1)
        )
        drawn = pick(words[1], words[2], sum(self.weights))
        number, before = 0, 0
        while drawn >= before + self.weights[number]:
            before += self.weights[number]
            number += 1
        life, (first, end, skipped, every) = self.lives[number], self.parts[number]
        episodes = life.episodes
        from_start = bool(unit(words[0]) < np.float32(self.settings.share_from_start))
        if from_start:
            head, begin = first + pick(more[0], more[1], min(every, end - first)), skipped
        else:
            rows = sum(b - a for a, b in episodes[first:end]) - skipped
            row = (pick(more[2], more[3], rows) if self.is_weighted else drawn - before) + skipped
            episode = first
            while row >= episodes[episode][1] - episodes[episode][0]:
                row -= episodes[episode][1] - episodes[episode][0]
                episode += 1
            head = first + (episode - first) % every
            available = sum(b - a for a, b in episodes[head:end:every]) - skipped
            begin = pick(more[0], more[1], max(0, available - self.length) + 1) + skipped
            from_start = begin == skipped
        shown = [row for a, b in episodes[head:end:every] for row in range(a, b)][begin : begin + self.length]
        return [*shown, *[None] * (self.length - len(shown))], number, from_start, every

    def masked(self, step: int, index: int, probability: float, together: bool) -> list[int]:
        found = []
        for row in range(self.length):
            words = block(self.key, (5, step & 0xFFFFFFFF, index, row))
            first = unit(words[0]) < np.float32(probability)
            second = first if together else unit(words[1]) < np.float32(probability)
            found.append(int(first) | int(second) << 1)
        return found
