"""One optimiser step after another: forward, loss, backward, clipping, Adam, as the Swift program's `Trainer` makes them."""

import contextlib
import dataclasses
import hashlib
import struct
import zlib
from typing import Any

import torch
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from .checkpoints import OptimizerState, tensors_of
from .loading import Batch
from .ranks import Ranks

BATCH_NORMS = torch.nn.modules.batchnorm._BatchNorm  # pylint: disable=protected-access


class TrainingError(Exception):
    """Training that cannot go on, with what to change."""


@dataclasses.dataclass(frozen=True)
class StepReport:
    """What one step did; the loss is of the parameters before the update."""

    # Steps done, this one included.
    step: int
    # Mean negative log-likelihood of the taught actions in nats, and the same with label smoothing.
    loss: float
    objective: float
    learning_rate: float
    # Global norm before clipping.
    gradient_norm: float


class Pending:
    """The report of a step whose numbers may still be on their way from the device."""

    def __init__(self, step: int, rate: float, taught: int, numbers: torch.Tensor) -> None:
        self.step, self.rate, self.taught = step, rate, taught
        self.event: Any = None
        if numbers.is_cuda:
            self.numbers = torch.empty(numbers.shape, dtype=numbers.dtype, pin_memory=True)
            self.numbers.copy_(numbers, non_blocking=True)
            self.event = torch.cuda.Event()
            self.event.record()
        else:
            self.numbers = numbers

    def report(self) -> StepReport:
        """Waits for the numbers. Throws TrainingError where they are none any more."""
        if self.event:
            self.event.synchronize()
        objective, likelihood, norm = self.numbers.tolist()
        report = StepReport(self.step, likelihood / self.taught, objective / self.taught, self.rate, norm)
        if not self.numbers.isfinite().all():
            raise TrainingError(
                f"training diverged at step {self.step}: loss {report.loss}, gradient norm {norm}, learning rate "
                f"{self.rate}; lower the peak learning rate or lengthen the warm-up")
        return report


def loss_sums(
    logits: torch.Tensor, actions: torch.Tensor, taught: torch.Tensor, smoothing: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums over the taught rows of the smoothed cross entropy and of the negative log-likelihood in nats, in 64 bits.

    logits (B, T, A); actions, taught (B, T). A row's goal is 1 - smoothing for its action plus smoothing / A for every
    action."""
    log_probabilities = F.log_softmax(logits.float(), -1)
    nats = -log_probabilities.gather(-1, actions[..., None])[..., 0]
    smoothed = (1 - smoothing) * nats - smoothing * log_probabilities.mean(-1)
    return (smoothed * taught).sum(dtype=torch.float64), (nats * taught).sum(dtype=torch.float64)


def dropout_seed(seed: int, step: int, rank: int) -> int:
    """PyTorch's seed for a step of a rank: a training that goes on drops what an uninterrupted one would have dropped."""
    digest = hashlib.blake2b(struct.pack("<QQI", seed, step, rank), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class Trainer:
    """Trains `model`, which it moves to `device`. `training`: the section of a configuration. `state`: the moments to go on
    from. `precision`: "float32" or "bfloat16", that of products; parameters, moments and losses have 32 bits. `compiled`:
    by `torch.compile`. Throws TrainingError for what several ranks, or this engine, cannot train."""

    def __init__(
        self, model: torch.nn.Module, training: dict[str, Any], state: OptimizerState, device: torch.device | str = "cpu",
        precision: str = "float32", compiled: bool = False, ranks: Ranks | None = None,
    ) -> None:
        self.model, self.training, self.ranks = model.to(device).train(), training, ranks or Ranks()
        self.device, self.steps = torch.device(device), state.steps
        self.autocast = (
            torch.autocast(self.device.type, torch.bfloat16) if precision == "bfloat16" else contextlib.nullcontext())
        if training.get("state_weight"):
            raise TrainingError(
                f"distil.training.state_weight is {training['state_weight']}, which PyTorch's engine does not have; "
                "set it to 0 or train by the engine swift")
        if self.ranks.count > training["batch_size"]:
            raise TrainingError(f"there are {self.ranks.count} ranks for the {training['batch_size']} windows of a batch")
        if self.ranks.count > 1 and any(isinstance(module, BATCH_NORMS) for module in model.modules()):
            raise TrainingError("a model whose batch norm sees the whole batch is trained by one rank, not by several")
        if compiled:
            self.model.compile()
        self.forward = self.model
        if self.ranks.count > 1:
            devices = [self.device] if self.device.type == "cuda" else None
            # The only buffers that are no parameters' are constants.
            self.forward = DistributedDataParallel(
                self.model, device_ids=devices, gradient_as_bucket_view=True, broadcast_buffers=False)
        self.names = [name for name, _ in self.model.named_parameters()]
        self.parameters = list(self.model.parameters())
        self.optimizer = torch.optim.Adam(
            self.parameters, lr=0.0, betas=(training["beta1"], training["beta2"]), eps=training["epsilon"], fused=True)
        self.restore(state)

    def step(self, batch: Batch, rate: float, taught: int) -> Pending:
        """One step on this rank's share of a batch, all of whose ranks teach `taught` actions. Gives a Pending report."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        torch.manual_seed(dropout_seed(self.training["seed"], self.steps, self.ranks.rank))
        self.optimizer.zero_grad()
        with self.autocast:
            logits = self.forward(batch.observations, batch.actions, batch.rewards, batch.masked)
        objective, nats = loss_sums(logits, batch.actions, batch.taught, self.training["label_smoothing"])
        # The gradients of the ranks are averaged, so that each is as many times too large as there are ranks.
        (objective * (self.ranks.count / max(1, taught))).backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.training["gradient_clip"])
        self.optimizer.step()
        self.steps += 1
        sums = self.ranks.sum(torch.stack([objective.detach(), nats.detach()]))
        return Pending(self.steps, rate, max(1, taught), torch.cat([sums, norm.detach().double()[None]]))

    def restore(self, state: OptimizerState) -> None:
        """Takes over the moments and the steps of an earlier training."""
        moments = {
            index: {
                "step": torch.tensor(float(state.steps)), "exp_avg": state.first[name], "exp_avg_sq": state.second[name]}
            for index, name in enumerate(self.names)}
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})

    def state(self, seconds: float) -> OptimizerState:
        """What `optimizer.safetensors` is to hold. Running statistics have no moments: theirs are zeros."""
        first, second = {}, {}
        moments = dict(zip(self.names, (self.optimizer.state[parameter] for parameter in self.parameters)))
        for name, value in tensors_of(self.model).items():
            zeros = torch.zeros_like(value, device="cpu")
            first[name] = moments[name]["exp_avg"] if name in moments else zeros
            second[name] = moments[name]["exp_avg_sq"] if name in moments else zeros
        return OptimizerState(first, second, self.steps, seconds)

    def checksum(self) -> int:
        """Of the parameters' bytes: ranks that have gone apart have others."""
        checksum = 0
        for parameter in self.parameters:
            checksum = zlib.crc32(parameter.detach().cpu().contiguous().numpy().data, checksum)
        return checksum
