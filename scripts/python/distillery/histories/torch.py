"""Windows as datasets for PyTorch: `pip install "distillery[torch]"`."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from .windows import WindowBatch, WindowSampler

Sample = dict[str, torch.Tensor]


def tensors(batch: WindowBatch) -> Sample:
    """The columns of a batch by name, without a copy: `components` where observations are a few integers, else
    `observations`; `previous_actions`, `previous_rewards`, `masked_actions`, `masked_rewards`, `actions`, `taught`.

    Whole numbers are int32 as Distillery has them: `.long()` makes of `actions` what a cross entropy takes.
    """
    name = "observations" if batch.table_counts is None else "components"
    found = {
        name: getattr(batch, name),
        "previous_actions": batch.previous_actions,
        "previous_rewards": batch.previous_rewards,
        "masked_actions": batch.masked & 1 != 0,
        "masked_rewards": batch.masked & 2 != 0,
        "actions": batch.actions,
        "taught": batch.taught,
    }
    return {name: torch.from_numpy(np.ascontiguousarray(column)) for name, column in found.items()}


def _check(batch_size: int, steps: int, first_step: int) -> None:
    if batch_size < 1 or steps < 0 or first_step < 0:
        raise ValueError(
            f"expected batch_size from 1, steps and first_step from 0, found {batch_size}, {steps} and {first_step}"
        )


class WindowDataset(Dataset[Sample]):
    """Windows one by one: number i is window (first_step + i // batch_size, i % batch_size), each column (c, ...).

    A `DataLoader(dataset, batch_size=batch_size)` without shuffling gives the batches of a distillation in their order.
    """

    def __init__(self, sampler: WindowSampler, *, batch_size: int, steps: int, first_step: int = 0) -> None:
        _check(batch_size, steps, first_step)
        self.sampler, self.batch_size, self.steps, self.first_step = sampler, batch_size, steps, first_step

    def __len__(self) -> int:
        return self.steps * self.batch_size

    def __getitem__(self, number: int) -> Sample:
        return self.__getitems__([number])[0]

    def __getitems__(self, numbers: Sequence[int]) -> list[Sample]:
        """All windows of a batch are drawn at once, as the loaders of PyTorch 2 ask for them."""
        for number in numbers:
            if not 0 <= number < len(self):
                raise IndexError(f"window {number} of {len(self)}")
        found = np.asarray(numbers, np.int64)
        drawn = tensors(self.sampler.windows(self.first_step + found // self.batch_size, found % self.batch_size))
        return [{name: column[row] for name, column in drawn.items()} for row in range(len(numbers))]


class WindowBatches(IterableDataset[Sample]):
    """Whole batches, step by step, each column (B, c, ...): `DataLoader(WindowBatches(...), batch_size=None)`.

    Workers of a loader take turns, so that the order is that of the steps with any number of them.
    """

    def __init__(self, sampler: WindowSampler, *, batch_size: int, steps: int, first_step: int = 0) -> None:
        _check(batch_size, steps, first_step)
        self.sampler, self.batch_size, self.steps, self.first_step = sampler, batch_size, steps, first_step

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Sample]:
        worker = get_worker_info()
        first, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        for step in range(self.first_step + first, self.first_step + self.steps, stride):
            yield tensors(self.sampler.batch(step, self.batch_size))
