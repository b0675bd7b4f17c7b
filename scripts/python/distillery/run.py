"""A training run: from an experiment and a folder of histories to checkpoints."""

import argparse
import contextlib
import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from . import checkpoints
from . import prepared as preparing
from .arithmetic import forward_operations
from .checkpoints import OptimizerState
from .durable import training_lock
from .loading import BatchLoader
from .models import FusedAttention
from .prepared import Prepared, PrepareError
from .ranks import Ranks
from .schedule import learning_rate
from .training import Pending, StepReport, Trainer
from .training_windows import TrainingWindows

if TYPE_CHECKING:
    from .distil import ProgressLine, Signals, StepLog

# Of the loss that is shown: the weight of a step in its exponential mean.
SMOOTHING = 0.02


class Interrupted(Exception):
    """A signal ended the run, in good order."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number


class Clock:
    """Seconds of training, those before a resume included; it runs from the first step on."""

    def __init__(self, before: float) -> None:
        self.before = before
        self.began: float | None = None

    def start(self) -> None:
        self.began = self.began if self.began is not None else time.monotonic()

    @property
    def seconds(self) -> float:
        return self.before + (time.monotonic() - self.began if self.began is not None else 0.0)


@dataclasses.dataclass
class Shown:
    """What the progress line says."""

    loss: float | None = None
    tokens: int = 0

    def text(self, report: StepReport, training: dict[str, Any], clock: Clock, share: float) -> str:
        self.loss = report.loss if self.loss is None else (1 - SMOOTHING) * self.loss + SMOOTHING * report.loss
        seconds = clock.seconds
        rate = self.tokens / max(1e-9, seconds - clock.before)
        done = min(1.0, max(report.step / training["steps"], share))
        left = seconds * (1 - done) / done if done > 0 else 0.0
        return f"distil: step {report.step}, loss {self.loss:.3f}, {rate:.0f} tokens a second, {left:.0f} s left"


class Run:
    """`options`: of the command line. `ranks`: those that train together; `signals`: of what asks the process to end."""

    def __init__(
        self, options: argparse.Namespace, device: torch.device, ranks: Ranks, signals: "Signals",
        progress: "ProgressLine", log: "StepLog | None",
    ) -> None:
        self.options, self.device, self.ranks, self.signals = options, device, ranks, signals
        self.progress, self.log, self.shown = progress, log, Shown()

    def run(self) -> None:
        """Trains to the end. Throws Interrupted after a signal, and the package's errors."""
        first = self.ranks.is_first
        self.prepared = self.ranks.of_first(self.ranks.together(lambda: self.prepare() if first else None))
        if self.prepared.finished:
            self.progress.say("training is finished already")
            self.tell(self.prepared.checkpoint)
            return
        with self.ranks.together(lambda: training_lock(self.options.out) if first else contextlib.nullcontext()):
            self.train()

    def prepare(self) -> Prepared:
        options = self.options
        if options.experiment.suffix != ".json":
            return preparing.prepare(
                options.experiment, options.out, options.overrides, options.size, options.distillation, options.resume)
        found = preparing.read(options.experiment)
        names = checkpoints.checkpoints_in(options.out)
        if not names:
            raise PrepareError(
                f"{options.out} has no checkpoint to begin with: copy {checkpoints.name_of(0)} there, which "
                "`distillery prepare` has written beside what it printed")
        if checkpoints.step_of(names[-1]) > 0 and not options.resume:
            raise PrepareError(
                f"{options.out} has checkpoints ({names[-1]}): go on from them by --resume, or choose another --out")
        found.checkpoint = str(options.out / names[-1])
        config = checkpoints.read_config(found.checkpoint)
        for change in preparing.changes(found, config):
            self.progress.say(f"goes on with another setting: {change}")
        training = found.configuration["training"]
        limit = training["maximum_seconds"]
        found.finished = config["step"] >= training["steps"] or limit is not None and config["seconds"] >= limit
        return found

    # Making ready

    def begin(self) -> tuple[torch.nn.Module, OptimizerState]:
        """The model with its optimiser's state as they are to go on from, on every rank."""
        config = self.prepared.configuration
        model = checkpoints.make_model(config, attention=FusedAttention)
        tensors = checkpoints.tensors_of(model)
        if self.ranks.is_first:
            checkpoints.load_parameters(model, self.prepared.checkpoint)
            state = checkpoints.read_optimizer(model, self.prepared.checkpoint)
        else:
            first, second = ({name: torch.zeros_like(value) for name, value in tensors.items()} for _ in range(2))
            state = OptimizerState(first, second, 0, 0.0)
        return model, state

    def align(self, model: torch.nn.Module, state: OptimizerState) -> None:
        """What rank 0 has read becomes every rank's."""
        columns = checkpoints.tensors_of(model), state.first, state.second
        self.ranks.broadcast_tensors([tensor for column in columns for tensor in column.values()], self.device)
        state.steps, state.seconds = self.ranks.of_first((state.steps, state.seconds))

    def make_trainer(self, model: torch.nn.Module, state: OptimizerState) -> Trainer:
        on_gpu = self.device.type == "cuda"
        precision = self.options.precision
        if precision == "auto":
            precision = "bfloat16" if on_gpu else "float32"
        compiled = self.options.compile == "on" or self.options.compile == "auto" and on_gpu
        if not on_gpu:
            torch.set_num_threads(self.settings["threads"])
        return Trainer(model, self.settings, state, self.device, precision, compiled, self.ranks)

    def train(self) -> None:
        together = self.ranks.together
        self.settings = self.prepared.configuration["training"]
        model, state = together(self.begin)
        self.align(model, state)
        if state.streams_in_memory is not None:
            self.progress.say(
                "the program trained on streams that took turns in memory; from here on windows are drawn from all of them")
        self.windows = together(lambda: TrainingWindows(self.options.histories, self.prepared))
        self.ranks.require_same("set of histories", self.windows.fingerprint)
        self.trained_tasks = self.tasks()
        self.progress.say(f"{self.windows.streams} streams, {self.windows.transitions} transitions")
        self.clock = Clock(state.seconds)
        self.trainer = together(lambda: self.make_trainer(model, state))
        self.steps()

    def tasks(self) -> list[int]:
        """Ids of the tasks that the model has seen, those of earlier starts among them; rank 0 writes them."""
        before = checkpoints.read_config(self.prepared.checkpoint).get("trained_tasks", []) if self.ranks.is_first else []
        return sorted({*before, *self.windows.tasks})

    # Steps

    def steps(self) -> None:
        """Steps until they are done, the time is up or a signal came; a checkpoint at the end."""
        share, trainer = self.ranks.share(self.settings["batch_size"]), self.trainer
        self.saved, self.folder = trainer.steps, self.prepared.checkpoint
        limit, last, number = self.settings["steps"], None, 0
        with BatchLoader(lambda step: self.windows.batch(step, share), trainer.steps, limit, self.device) as loader:
            while trainer.steps < limit:
                batch = loader.next()
                self.clock.start()
                agreed = self.ranks.agree(batch.taught_count, self.clock.seconds, self.signals.number)
                elapsed, number = self.elapsed_share(agreed.now), agreed.signal
                if number or elapsed >= 1:
                    break
                pending = trainer.step(batch, learning_rate(self.settings, trainer.steps, elapsed), agreed.taught)
                # A GPU has this step to do while the numbers of the one before are looked at.
                self.note(last if self.device.type == "cuda" else pending, elapsed)
                last = pending if self.device.type == "cuda" else None
                if trainer.steps - self.saved >= self.settings["checkpoint_every"]:
                    self.note(last, elapsed)
                    last = None
                    self.save()
        self.note(last, 1.0)
        if trainer.steps != self.saved:
            self.save()
        self.progress.say(self.speed())
        self.tell(self.folder)
        if number:
            raise Interrupted(number)

    def speed(self) -> str:
        """How fast this start has trained, which is to be compared with the device's peak."""
        config, seconds = self.prepared.configuration, max(1e-9, self.clock.seconds - self.clock.before)
        text = f"{self.shown.tokens / seconds:.0f} tokens a second, {self.shown.tokens} in {seconds:.1f} s"
        if hasattr(self.trainer.model, "encoder"):
            return text
        forward = forward_operations(config["model"], config["action_space"]["n"])
        return f"{text}: {3e-9 * forward * self.shown.tokens / self.windows.tokens / seconds:.1f} GFLOP/s in products"

    def elapsed_share(self, now: float) -> float:
        limit = self.settings["maximum_seconds"]
        return now / limit if limit is not None else 0.0

    def note(self, pending: Pending | None, elapsed: float) -> None:
        """Says what a step did; None says nothing."""
        if pending is None:
            return
        report = pending.report()
        if self.log:
            self.log.add(report, self.clock.seconds)
        self.shown.tokens += self.settings["batch_size"] * self.windows.tokens
        self.progress.show(self.shown.text(report, self.settings, self.clock, elapsed))

    def save(self) -> None:
        """A checkpoint of now. No rank goes on before it is there, and none is made of ranks that have gone apart."""
        trainer, first = self.trainer, self.ranks.is_first
        if self.ranks.count > 1:
            self.ranks.require_same(f"model after step {trainer.steps}", trainer.checksum())
        folder = self.ranks.together(lambda: self.write() if first else None)
        self.saved, self.folder = trainer.steps, folder

    def write(self) -> Path:
        trainer, seconds = self.trainer, self.clock.seconds
        config = self.prepared.configuration | {
            "step": trainer.steps, "seconds": seconds, "trained_tasks": self.trained_tasks}
        target = self.options.out / checkpoints.name_of(trainer.steps)
        checkpoints.write(target, config, checkpoints.tensors_of(trainer.model), trainer.state(seconds))
        checkpoints.retain(self.options.out, self.options.keep or self.settings["keep_checkpoints"])
        return target

    def tell(self, folder: Path | str) -> None:
        """The only thing on standard output: where the last checkpoint is."""
        self.progress.finish()
        if self.ranks.is_first:
            print(folder, flush=True)
