"""Batches of windows, made by a thread of their own so that the device does not wait for them."""

import dataclasses
import queue
import threading
from collections.abc import Callable
from typing import Any, Self

import torch

# Batches that lie ready; each is some megabytes.
BATCHES_AHEAD = 3
# Between two looks at whether the other side is still there.
LOOK_SECONDS = 0.2


@dataclasses.dataclass
class Batch:
    """Windows as models take them: observations (B, T, ...), actions and rewards (B, T), `masked` and `taught` as bools."""

    observations: torch.Tensor
    actions: torch.Tensor
    rewards: torch.Tensor
    masked: torch.Tensor
    taught: torch.Tensor
    # How many actions it teaches.
    taught_count: int

    def map(self, function: Callable[[torch.Tensor], torch.Tensor]) -> "Batch":
        columns = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return Batch(**{name: function(value) if torch.is_tensor(value) else value for name, value in columns.items()})


class BatchLoader:
    """Gives `make(step)` for one step after another, from `first` to below `end`, on `device`. What `make` throws is thrown
    by `next`. It is a context: its thread ends with it."""

    def __init__(self, make: Callable[[int], Batch], first: int, end: int, device: torch.device | str) -> None:
        self.make, self.first, self.end, self.device = make, first, end, torch.device(device)
        self.queue: queue.Queue[Batch | Exception] = queue.Queue(BATCHES_AHEAD)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, name="batches", daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stopped.set()
        self.thread.join()

    def run(self) -> None:
        try:
            for step in range(self.first, self.end):
                batch = self.make(step)
                if self.device.type == "cuda":
                    batch = batch.map(torch.Tensor.pin_memory)
                self.put(batch)
                if self.stopped.is_set():
                    return
        except Exception as error:  # pylint: disable=broad-exception-caught
            self.put(error)

    def put(self, item: Batch | Exception) -> None:
        while not self.stopped.is_set():
            try:
                self.queue.put(item, timeout=LOOK_SECONDS)
                return
            except queue.Full:
                continue

    def next(self) -> Batch:
        """The next step's batch. Precondition: there is one."""
        while True:
            try:
                item = self.queue.get(timeout=LOOK_SECONDS)
                break
            except queue.Empty:
                if not self.thread.is_alive() and self.queue.empty():
                    raise RuntimeError("the thread that makes batches has ended") from None
        if isinstance(item, Exception):
            raise item
        return item.map(lambda column: column.to(self.device, non_blocking=True))
