"""The learning rate of each step."""

import math
from collections.abc import Mapping
from typing import Any


def learning_rate(training: Mapping[str, Any], step: int, elapsed_share: float = 0.0) -> float:
    """Rises linearly from the start to the peak over the warm-up, then falls along half a cosine to the final rate.

    `training`: the section of a configuration; `step`: from 0. `elapsed_share` of a limit of seconds moves the cosine on if
    it is further than the steps are, so that a training that ends by the clock is annealed too; it caps the warm-up."""
    start, peak, final = (training[f"{name}_learning_rate"] for name in ("start", "peak", "final"))
    warmup = training["warmup_steps"]
    fall = (step - warmup) / max(1, training["steps"] - warmup)
    progress = min(1.0, max(0.0, fall, elapsed_share))
    cosine = final + (peak - final) * 0.5 * (1 + math.cos(math.pi * progress))
    return min(cosine, start + (peak - start) * step / warmup) if step < warmup else cosine
