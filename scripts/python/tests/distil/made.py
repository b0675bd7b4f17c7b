"""A distillation that needs neither the program nor a run: made-up streams, an untrained model and what would have been
prepared of it."""

import json
import os
import pathlib
import socket
import subprocess
import sys

import torch

from distillery import checkpoints
from distillery.checkpoints import OptimizerState

from histories.made import ACTIONS, INTEGERS, made_run

PATIENCE_SECONDS = 600
MODEL = {
    "name": "transformer", "context_length": 12, "dimension": 16, "layers": 2, "heads": 2, "feed_forward": 24,
    "token_layout": "merged", "embedding_dropout": 0.1, "attention_dropout": 0.2, "residual_dropout": 0.1,
}
LSTM = {
    "name": "lstm", "context_length": 12, "embedding": 8, "units": 16, "layers": 2, "mlp_depth": 1, "mlp_width": 12,
    "embedding_dropout": 0.1, "unit_dropout": 0.1, "memory": "life",
}
WITHOUT_DROPOUT = {"embedding_dropout": 0, "attention_dropout": 0, "residual_dropout": 0}
TRAINING = {
    "batch_size": 5, "steps": 12, "maximum_seconds": None, "start_learning_rate": 0.001, "peak_learning_rate": 0.01,
    "final_learning_rate": 0.0, "warmup_steps": 3, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8, "gradient_clip": 1.0,
    "label_smoothing": 0.1, "masking_probability": 0.3, "threads": 1, "seed": 7, "checkpoint_every": 5,
    "keep_checkpoints": None, "follow_share": 0.5,
}
WINDOWS = {"every_episodes": 2, "share_from_start": 0.3}
MAY_CHANGE = ["distil.training.steps", "distil.training.checkpoint_every", "distil.training.keep_checkpoints"]


class MadeDistillation:
    """`folder`: an empty one. `experiment` is the file that stands for it, `out` has the untrained checkpoint."""

    def __init__(self, folder, model=None, **training):
        self.folder, self.out = pathlib.Path(folder), pathlib.Path(folder) / "out"
        self.experiment, self.log = self.folder / "prepared.json", self.folder / "log.jsonl"
        self.config = {
            "format": "distillery-checkpoint", "version": 2, "model": dict(model or MODEL), "windows": WINDOWS,
            "training": TRAINING | training, "environment": {"name": "made-up"}, "observation_space": INTEGERS,
            "action_space": ACTIONS, "trained_tasks": [], "step": 0, "seconds": 0.0,
        }
        made_run(self.folder, seed=3)
        torch.manual_seed(5)
        tensors = checkpoints.tensors_of(checkpoints.make_model(self.config))
        zeros = {name: torch.zeros_like(value) for name, value in tensors.items()}
        checkpoints.write(self.out / checkpoints.name_of(0), self.config, tensors, OptimizerState(zeros, zeros, 0, 0.0))
        self.prepare()

    def prepare(self, **training):
        """Writes what the program would have printed, with other settings of training."""
        config = self.config | {"training": self.config["training"] | training}
        self.experiment.write_text(json.dumps({
            "checkpoint": "elsewhere", "finished": False, "tasks": None, "optima": {}, "may_change_on_resume": MAY_CHANGE,
            "configuration": config}))

    def command(self, *more, out=None, histories=None):
        return [
            sys.executable, "-m", "distillery.distil", str(self.experiment), "--histories",
            str(histories or self.folder / "histories"), "--out", str(out or self.out), "--device", "cpu", "--log",
            str(self.log), *more]

    def start(self, *more, environment=None, **options):
        return subprocess.Popen(
            self.command(*more, **options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": str(pathlib.Path(checkpoints.__file__).parents[1])} | (environment or {}))

    def run(self, *more, **options):
        return finished(self.start(*more, **options))

    def run_ranks(self, count, *more, folders=None):
        """As torchrun starts them. `folders`: the histories of each rank."""
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        processes = [
            self.start(*more, histories=folders[rank] if folders else None, environment={
                "RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_RANK": str(rank), "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"})
            for rank in range(count)]
        return [finished(process) for process in processes]

    @property
    def steps(self):
        """What the log says of each step."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def model(self, step, out=None):
        folder = (out or self.out) / checkpoints.name_of(step)
        return checkpoints.tensors_of(checkpoints.load(folder))


def finished(process):
    """A process that has ended within the time that is allowed; one that has not is killed."""
    try:
        process.stdout_text, process.stderr_text = process.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise AssertionError(f"{process.args} did not end within {PATIENCE_SECONDS} seconds") from None
    return process
