"""The golden vectors of sequence models, which the Swift tests read too."""

import json
import pathlib

import torch
from safetensors.torch import load_file

from distillery.loading import Batch
from distillery.models import MODELS

FOLDER = pathlib.Path(__file__).parents[4] / "Tests" / "DistillationTests" / "Golden"
NAMES = [
    "transformer-merged", "transformer-separate", "transformer-wide", "lstm-deep", "lstm-wide", "transformer-images",
    "lstm-images",
]


class Golden:
    """What PyTorch's plain modules made of one batch: logits, gradients, the losses of some steps."""

    def __init__(self, name):
        self.name, self.values = name, json.loads((FOLDER / f"{name}.json").read_text())
        self.parameters = load_file(FOLDER / f"{name}-parameters.safetensors")
        self.gradients = load_file(FOLDER / f"{name}-gradients.safetensors")

    def model(self, **options):
        values = self.values
        observations = tuple(values["image"]) if "image" in values else values["componentCounts"]
        kind = MODELS[self.name.split("-")[0]]
        model = kind(observations, values["actions"], values["settings"], **options)
        model.load_state_dict(self.parameters, strict=False)
        return model

    def batch(self):
        values = self.values
        rows = values["batch"], values["settings"]["context_length"]
        observed = torch.tensor(values["components"]).reshape(*rows, *values.get("image", [len(values["componentCounts"])]))
        masked = torch.tensor(values["masked"]).reshape(rows)
        together = values["settings"].get("token_layout") == "merged"
        taught = torch.tensor(values["taught"]).reshape(rows).bool()
        return Batch(
            observations=observed.byte() if "image" in values else observed,
            actions=torch.tensor(values["targets"]).reshape(rows), rewards=torch.tensor(values["rewards"]).reshape(rows),
            masked=masked > 0 if together else torch.stack([masked & 1, masked & 2], -1) > 0,
            taught=taught, taught_count=int(taught.sum()))

    def training(self, **changes):
        """The section of a configuration, with the golden's optimiser."""
        values = self.values
        return {
            "batch_size": values["batch"], "seed": 0, "beta1": values["beta1"], "beta2": values["beta2"],
            "epsilon": values["epsilon"], "gradient_clip": values["clip"], "label_smoothing": values["smoothing"],
        } | changes
