"""Checkpoints: folders with `model.safetensors`, `config.json` and `optimizer.safetensors`, the same files that the program
`distillery` writes, so that training goes on in either from the other's.

    model = load("runs/quickstart/checkpoints/distiller/step-00020000")
    logits = model(observations, actions, rewards)      # (B, T, A)

`python -m distillery.checkpoints CHECKPOINT STREAM.h5` prints a stream's logits.
"""

import dataclasses
import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from .durable import publish_folder, remove_folder, write_file
from .image_encoders import image_of
from .models import MODELS, Attention, predict

MODEL_FILE, CONFIG_FILE, OPTIMIZER_FILE = "model.safetensors", "config.json", "optimizer.safetensors"
# Which streams were in memory, in the metadata of the optimiser's state: where not all of them fit.
STREAMS_KEY = "streams_in_memory"
LARGEST_FILE_BYTES = 8 << 30
LONGEST_CONFIG_BYTES = 4 << 20
MOST_STEPS = 1_000_000_000
# Of what a configuration can ask for so many times: no model has more.
MOST_LAYERS = 256
NAME = re.compile(r"step-(\d+)")


class CheckpointError(Exception):
    """A checkpoint that cannot be read or written; the text says what was expected and what came."""


@dataclasses.dataclass
class OptimizerState:
    """Adam's moments by the names of the model's tensors, of running statistics zeros, and how far training has come."""

    first: dict[str, torch.Tensor]
    second: dict[str, torch.Tensor]
    steps: int
    seconds: float
    # Where the program's rotation of streams stood; None where all streams were in memory.
    streams_in_memory: str | None = None


# Reading


def read_config(folder: Path | str) -> dict[str, Any]:
    """The contents of `config.json`, of version 1 with the keys of version 2 as far as `make_model` needs them. Throws
    CheckpointError for what is no configuration."""
    path = Path(folder) / CONFIG_FILE
    try:
        if path.stat().st_size > LONGEST_CONFIG_BYTES:
            raise CheckpointError(f"{path} has more than {LONGEST_CONFIG_BYTES} bytes")
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not the JSON of a configuration: {error}") from error
    version = config.get("version") if isinstance(config, dict) else None
    if version == 1:
        return renewed(config, path)
    if version != 2:
        raise CheckpointError(f"{path}: expected a checkpoint's configuration of version 1 or 2, found {version!r}")
    return config


def renewed(config: dict[str, Any], path: Path) -> dict[str, Any]:
    names = {"modelDimension": "dimension"}

    def snake(name: str) -> str:
        return names.get(name, re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name))

    try:
        model, environment = (
            {snake(key): value for key, value in config[key].items()} for key in ("model", "environment"))
        spaces = {key: environment[key] for key in ("observation_space", "action_space")}
    except (KeyError, AttributeError) as error:
        raise CheckpointError(f"{path}: a configuration of version 1 has sections model and environment: {error}") from error
    return {"version": 1, "model": model, "trained_tasks": config.get("trainedTasks", []), **spaces}


def component_counts(space: dict[str, Any]) -> list[int]:
    """How many values each component of an observation has that is a few integers."""
    if space["type"] == "discrete":
        return [space["n"]]
    if space["type"] == "multi_discrete":
        return space["nvec"]
    return [int(space["high"]) + 1] * math.prod(space["shape"])


def make_model(config: dict[str, Any], attention: type[Attention] = Attention) -> torch.nn.Module:
    """The model that a configuration describes, with PyTorch's own initial parameters. Throws CheckpointError for
    dimensions that no model has."""
    settings = config.get("model")
    try:
        kind = MODELS[settings.get("name", "transformer")]
        space = config["observation_space"]
        arguments = image_of(space) or component_counts(space), config["action_space"]["n"], settings
        # The numbers come from outside: what they would need is looked at before time and memory is taken for it.
        encoder = settings.get("encoder") or {}
        for count in (settings.get("layers", 1), settings.get("mlp_depth", 1), encoder.get("blocks", 1),
                      len(encoder.get("channels", []))):
            if count > MOST_LAYERS:
                raise ValueError(f"{count} layers are more than {MOST_LAYERS}")
        if settings.get("dimension", 0) % settings.get("heads", 1):
            raise ValueError(f"{settings['heads']} heads do not divide {settings['dimension']} dimensions")
        with torch.device("meta"):
            size = sum(parameter.numel() for parameter in kind(*arguments).parameters())
        if 4 * size > LARGEST_FILE_BYTES:
            raise ValueError(f"{size} parameters are more than a checkpoint may hold")
        return kind(*arguments, attention=attention) if kind is MODELS["transformer"] else kind(*arguments)
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError, ZeroDivisionError, IndexError) as error:
        reason = f"{type(error).__name__} {error}"
        raise CheckpointError(f"{CONFIG_FILE} does not describe a model that there is: {reason}") from error


def tensors_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The tensors of a model that checkpoints have, by their names: parameters and running statistics. PyTorch counts the
    batches that a batch norm has seen, too; nothing depends on it."""
    return {name: value for name, value in model.state_dict().items() if not name.endswith("num_batches_tracked")}


def read_tensors(
    path: Path, shapes: Mapping[str, Sequence[int]]
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors of a file, which are those of `shapes` and no others, in 32 bits and finite; and the file's metadata.
    Throws CheckpointError with the name of the one that is wrong."""
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise CheckpointError(f"{path} has more than {LARGEST_FILE_BYTES} bytes")
        with safe_open(path, framework="pt") as file:
            metadata, found = file.metadata() or {}, set(file.keys())
            for name in found - shapes.keys():
                raise CheckpointError(f"{path}: tensor {name} is not part of the model")
            tensors = {}
            for name, shape in shapes.items():
                if name not in found:
                    raise CheckpointError(f"{path}: tensor {name} is missing, expected shape {list(shape)}")
                described = file.get_slice(name)
                if tuple(described.get_shape()) != tuple(shape) or described.get_dtype() != "F32":
                    came = f"{described.get_dtype()} {described.get_shape()}"
                    raise CheckpointError(f"{path}: tensor {name} is {came}, expected F32 {list(shape)}")
                tensors[name] = file.get_tensor(name)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    except SafetensorError as error:
        raise CheckpointError(f"{path} is truncated or not a safetensors file: {error}") from error
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise CheckpointError(f"{path}: tensor {name} holds numbers that are not finite")
    return tensors, metadata


def load_parameters(model: torch.nn.Module, folder: Path | str) -> None:
    """Gives a model the parameters of a checkpoint. Throws CheckpointError where they do not fit."""
    shapes = {name: value.shape for name, value in tensors_of(model).items()}
    model.load_state_dict(read_tensors(Path(folder) / MODEL_FILE, shapes)[0], strict=False)


def load(folder: Path | str) -> torch.nn.Module:
    """The model of a checkpoint's folder, in evaluation mode. Throws CheckpointError."""
    model = make_model(read_config(folder))
    load_parameters(model, folder)
    return model.eval()


def read_optimizer(model: torch.nn.Module, folder: Path | str) -> OptimizerState:
    """The state of the optimiser beside a model's parameters. Throws CheckpointError."""
    path = Path(folder) / OPTIMIZER_FILE
    shapes = {name: value.shape for name, value in tensors_of(model).items()}
    moments = {f"{part}.{name}": shape for part in ("first", "second") for name, shape in shapes.items()}
    tensors, metadata = read_tensors(path, moments)
    try:
        steps, seconds = int(metadata["step"]), float(metadata["seconds"])
    except (KeyError, ValueError):
        steps, seconds = -1, -1.0
    if not (0 <= steps <= MOST_STEPS and math.isfinite(seconds) and seconds >= 0):
        raise CheckpointError(f"{path} does not say how many steps and seconds of training it continues")
    first, second = ({name: tensors[f"{part}.{name}"] for name in shapes} for part in ("first", "second"))
    for name, tensor in second.items():
        if (tensor < 0).any():
            raise CheckpointError(f"{path}: second.{name} holds squares below 0")
    return OptimizerState(first, second, steps, seconds, metadata.get(STREAMS_KEY))


# Writing


def name_of(step: int) -> str:
    """The name of the checkpoint of a step, such as step-00020000."""
    return f"step-{step:08}"


def step_of(name: str) -> int | None:
    """The step in a checkpoint's name; None for any other name."""
    found = NAME.fullmatch(name)
    return int(found[1]) if found else None


def write(
    folder: Path, config: dict[str, Any], tensors: Mapping[str, torch.Tensor], optimizer: OptimizerState
) -> Path:
    """Writes a checkpoint, whole or not at all: into `.NAME.partial` beside it, synced, then renamed. One of the same
    step is replaced. `config`: what `config.json` is to hold; `tensors`: of the model; `optimizer`: an OptimizerState.
    Gives the folder. Throws CheckpointError."""
    moments = {f"{part}.{name}": value for part in ("first", "second") for name, value in getattr(optimizer, part).items()}
    metadata = {"step": str(optimizer.steps), "seconds": repr(float(optimizer.seconds))}
    text = json.dumps(config, indent=2, sort_keys=True, allow_nan=False) + "\n"
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        partial.mkdir(parents=True, exist_ok=True)
        for name in partial.iterdir():
            name.unlink()
        write_file(partial / OPTIMIZER_FILE, save(flat(moments), metadata))
        write_file(partial / MODEL_FILE, save(flat(tensors), {"format": "pt"}))
        write_file(partial / CONFIG_FILE, text.encode())
        publish_folder(partial, folder)
    except OSError as error:
        raise CheckpointError(f"cannot write the checkpoint {folder}: {error.strerror}") from error
    return folder


def flat(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Copies in 32 bits, each in memory of its own: what shares some is not written."""
    return {name: value.detach().to("cpu", torch.float32, copy=True).contiguous() for name, value in tensors.items()}


def checkpoints_in(folder: Path) -> list[str]:
    """Names of the checkpoints in a folder by their steps, the newest last; none where there is no folder yet."""
    if not folder.is_dir():
        return []
    names = [path.name for path in folder.iterdir() if all((path / file).is_file() for file in (CONFIG_FILE, MODEL_FILE))]
    return sorted((name for name in names if step_of(name) is not None), key=lambda name: (step_of(name), name))


def retain(folder: Path, count: int | None) -> None:
    """Deletes all but the newest `count` checkpoints; None keeps all. Throws CheckpointError."""
    for name in checkpoints_in(folder)[: -max(1, count)] if count is not None else []:
        try:
            remove_folder(folder / name)
        except OSError as error:
            raise CheckpointError(f"cannot delete the old checkpoint {folder / name}: {error.strerror}") from error


def main(arguments: Sequence[str]) -> int:
    import h5py

    if len(arguments) != 2:
        print("usage: python -m distillery.checkpoints CHECKPOINT STREAM.h5", file=sys.stderr)
        return 2
    try:
        model = load(arguments[0])
        with h5py.File(arguments[1]) as stream:
            observations = torch.tensor(stream["observations"][:].astype("int64"))
            if observations.dim() < 4:
                observations = observations.reshape(len(observations), -1)
            columns = observations, torch.tensor(stream["actions"][:].astype("int64"))
            print(predict(model, *columns, torch.tensor(stream["rewards"][:])))
    except (CheckpointError, OSError, KeyError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
