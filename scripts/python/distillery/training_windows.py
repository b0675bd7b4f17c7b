"""The windows of a distillation as the trainer takes them: those of `distillery.histories`, in PyTorch's tensors."""

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .arithmetic import tokens
from .histories import MASKED_ACTION, MASKED_REWARD, HistoriesError, WindowSampler, WindowSettings
from .histories.spaces import Space
from .loading import Batch
from .prepared import Prepared


class TrainingWindows:
    """`histories`: a folder of sealed streams, or of a run. `prepared`: the distillation. Reads all streams that count.
    Throws HistoriesError where there are none, or where they are of another environment."""

    def __init__(self, histories: Path, prepared: Prepared) -> None:
        config = prepared.configuration
        model, training = config["model"], config["training"]
        is_merged = model.get("token_layout") == "merged"
        self.masks_together = is_merged
        # Of a window.
        self.tokens = tokens(model)
        self.sampler = WindowSampler(
            histories, length=model["context_length"], seed=training["seed"],
            settings=WindowSettings.of(config["windows"]), masking_probability=training["masking_probability"],
            masks_together=is_merged, tasks=prepared.tasks, optimum=prepared.optima)
        self.check(config)

    @property
    def streams(self) -> int:
        return self.sampler.stream_count

    @property
    def transitions(self) -> int:
        return self.sampler.row_count

    @property
    def tasks(self) -> list[int]:
        """Ids of the tasks that windows are drawn from."""
        return self.sampler.tasks

    @property
    def fingerprint(self) -> str:
        """What windows are drawn from: equal for equal rows of equal streams in the same order."""
        checksum = 0
        for column in self.sampler.columns:
            checksum = zlib.crc32(np.ascontiguousarray(column).view(np.uint8).reshape(-1), checksum)
        return f"{self.streams} streams, {self.transitions} transitions of checksum {checksum:x}"

    def check(self, config: dict[str, Any]) -> None:
        environment = self.sampler.environment
        spaces = {name: Space.parse(json.dumps(config[name])) for name in ("observation_space", "action_space")}
        settings = {"name": environment.name} | json.loads(environment.json)
        differences = [
            f"{key}: {value} in the streams, {config['environment'][key]} in the experiment"
            for key, value in settings.items() if key in config["environment"] and config["environment"][key] != value]
        differences += [
            f"{name}: {getattr(environment, name)} in the streams, {space} in the experiment"
            for name, space in spaces.items() if getattr(environment, name) != space]
        if differences:
            raise HistoriesError("the streams are of another environment than the experiment: " + "; ".join(differences))

    def batch(self, step: int, share: Sequence[int]) -> Batch:
        """The windows of a step whose numbers are in `share`, a range."""
        drawn = self.sampler.batch(step, share)
        rows = drawn.actions.shape
        observations = drawn.observations
        if drawn.table_counts is not None:
            observations = observations.reshape(*rows, len(drawn.table_counts)).astype(np.int64)
        # Models are given each row's own reward; the last one of a window is seen by nothing.
        rewards = np.zeros(rows, np.float32)
        rewards[:, :-1] = drawn.previous_rewards[:, 1:]
        masked = drawn.masked & MASKED_ACTION != 0
        if not self.masks_together:
            masked = np.stack([masked, drawn.masked & MASKED_REWARD != 0], -1)
        columns = observations, drawn.actions.astype(np.int64), rewards, masked, drawn.taught
        return Batch(*map(torch.from_numpy, columns), taught_count=int(drawn.taught.sum()))
