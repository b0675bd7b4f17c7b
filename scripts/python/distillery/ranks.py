"""The processes that train one model together: `torchrun` starts them, NCCL sums the gradients of GPUs and gloo those of
CPUs. A second group, of gloo, carries what the processes have to agree on, so that no GPU is waited for."""

import contextlib
import dataclasses
import datetime
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import torch
import torch.distributed as dist

Value = TypeVar("Value")

# Until all have come, and for each call: ranks read their histories at different speeds.
PATIENCE = datetime.timedelta(minutes=30)


class RanksError(Exception):
    """What every rank knows to be wrong, in the same words on each: rank 0 says it for all."""


@dataclasses.dataclass(frozen=True)
class Agreement:
    """What all ranks know before a step."""

    # Actions that all ranks' windows teach.
    taught: int
    # Seconds on the clock of rank 0, so that all end with the same step.
    now: float
    # The number of the signal that any of them got; 0 for none.
    signal: int


class Ranks:
    """The group as one of its processes sees it; a group of one makes no calls. Every method is collective: all ranks call
    it, in the same order."""

    def __init__(self, rank: int = 0, count: int = 1, control: Any = None) -> None:
        self.rank, self.count, self.control = rank, count, control

    @property
    def is_first(self) -> bool:
        """Rank 0 alone writes files and speaks to people."""
        return self.rank == 0

    def share(self, windows: int) -> range:
        """The numbers of this rank's windows of a batch: in their order, as evenly as they go."""
        return range(windows * self.rank // self.count, windows * (self.rank + 1) // self.count)

    def agree(self, taught: int, now: float, signal: int) -> Agreement:
        if self.count == 1:
            return Agreement(taught, now, signal)
        mine = torch.tensor([taught, now, signal], dtype=torch.float64)
        all_ranks = [torch.empty_like(mine) for _ in range(self.count)]
        dist.all_gather(all_ranks, mine, group=self.control)
        counts, clocks, signals = torch.stack(all_ranks).unbind(1)
        return Agreement(int(counts.sum()), float(clocks[0]), int(signals.max()))

    def gather(self, value: Value) -> list[Value]:
        """The value of every rank, by rank."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        dist.all_gather_object(values, value, group=self.control)
        return values

    def of_first(self, value: Value) -> Value:
        """On every rank what rank 0 has given."""
        if self.count == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0, group=self.control)
        return values[0]

    def require_same(self, what: str, value: object) -> None:
        """Throws RanksError on all where a rank's value is another than that of rank 0."""
        values = self.gather(value)
        for rank, other in enumerate(values):
            if other != values[0]:
                raise RanksError(f"rank {rank} has another {what} than rank 0: {other} instead of {values[0]}")

    def together(self, body: Callable[[], Value]) -> Value:
        """Does on every rank what may fail on one of them, and fails on all of them then, with the reasons."""
        if self.count == 1:
            return body()
        result, failure = None, None
        try:
            result = body()
        except Exception as error:  # pylint: disable=broad-exception-caught
            failure = error
        texts = self.gather(str(failure) if failure else "")
        named = [f"rank {rank}: {text}" for rank, text in enumerate(texts) if text]
        if named:
            # On a file system that all share, most of what fails does so everywhere.
            raise RanksError(texts[0] if set(texts) == {texts[0]} else "\n".join(named)) from failure
        return result

    def broadcast_tensors(self, tensors: Iterable[torch.Tensor], device: torch.device) -> None:
        """Puts the numbers of rank 0 in the place of those of every other rank, whose tensors lie on the CPU."""
        if self.count == 1:
            return
        for tensor in tensors:
            moved = tensor.to(device)
            dist.broadcast(moved, src=0)
            tensor.copy_(moved)

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """The sum over all ranks, in place; on the device where it lies."""
        if self.count > 1:
            dist.all_reduce(tensor)
        return tensor


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """The group that `torchrun` has started this process for; a group of one without it."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Ranks()
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        control = dist.new_group(backend="gloo", timeout=PATIENCE)
        yield Ranks(dist.get_rank(), dist.get_world_size(), control)
    finally:
        dist.destroy_process_group()
