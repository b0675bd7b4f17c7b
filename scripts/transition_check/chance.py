"""Whether counts are as chance would have them.

The tests are so strict that a sound run fails none of thousands.
"""

import math

import numpy as np

# Of a sound run to fail one test; those over many streams or arms share it.
SIGNIFICANCE = 1e-7


def uniform_counts(counts):
    """Pearson's chi-square test that all cells are as likely: the statistic, and the probability to be as far off.

    Both tails: counts that are too even were not drawn independently. Wilson and Hilferty's normal approximation,
    which needs a few expected in each cell; nil (1) where there are fewer than five.
    """
    expected = counts.sum() / len(counts)
    if expected < 5:
        return 0.0, 1.0
    statistic = float(((counts - expected) ** 2).sum() / expected)
    freedom = len(counts) - 1
    spread = 2 / (9 * freedom)
    deviation = ((statistic / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    return statistic, math.erfc(abs(deviation) / math.sqrt(2))


def frequency_bound(hits, trials, mean):
    """A bound on the probability that `hits` of `trials` are as far from `mean` (Chernoff); arrays of equal shape.

    It holds whatever the number is: exp(-n KL(hits/n, mean)), for either side.
    """
    trials = np.maximum(trials, 1)
    rate = hits / trials
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(rate > 0, rate * np.log(rate / mean), 0)
        loss = np.where(rate < 1, (1 - rate) * np.log((1 - rate) / (1 - mean)), 0)
    return np.minimum(1, 2 * np.exp(-trials * (gain + loss)))


def deviation(hits, trials, mean):
    """How many standard deviations all hits together are from what their means let expect."""
    variance = float((trials * mean * (1 - mean)).sum())
    return float((hits - trials * mean).sum()) / math.sqrt(variance) if variance > 0 else 0.0


def uniform_numbers(numbers):
    """Kolmogorov and Smirnov's test that numbers are from U(0, 1): a bound on the probability to be as far off."""
    if not len(numbers):
        return 1.0
    ordered = np.sort(numbers)
    places = np.arange(len(ordered) + 1) / len(ordered)
    distance = max(np.abs(ordered - places[1:]).max(), np.abs(ordered - places[:-1]).max())
    # Massart's constant.
    return min(1.0, 2 * math.exp(-2 * len(ordered) * distance**2))
