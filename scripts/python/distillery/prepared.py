"""What a distillation of an experiment is, as the program `distillery` resolves it: this package has no second reader of
experiments. `distillery prepare` prints it and writes the untrained model, so that both engines begin with the same."""

import dataclasses
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

PROGRAM_VARIABLE = "DISTILLERY_PROGRAM"
# For resolving an experiment and drawing an untrained model.
PATIENCE_SECONDS = 600
# Sections of `config.json` that a training that goes on must share, and what experiments call them.
SECTIONS = {
    "model": "distil.model", "windows": "distil.windows", "training": "distil.training", "environment": "environment",
    "observation_space": "observation_space", "action_space": "action_space",
}


class PrepareError(Exception):
    """An experiment that cannot be trained; the text is for its owner."""


@dataclasses.dataclass
class Prepared:
    """A distillation, ready for training."""

    # The folder of the checkpoint to go on from, and whether nothing is left to do after it.
    checkpoint: str
    finished: bool
    # Ids of the tasks whose streams count; None for all.
    tasks: list[int] | None
    # The best possible returns of tasks by their ids; empty where windows do not ask for them.
    optima: dict[int, float]
    # Keys such as `distil.training.steps` that may change when training goes on.
    may_change_on_resume: list[str]
    # As in `config.json`, of a training that has not begun.
    configuration: dict[str, Any]


def program() -> str:
    """Path of the program `distillery`: $DISTILLERY_PROGRAM, or the one on the PATH. Throws PrepareError."""
    path = os.environ.get(PROGRAM_VARIABLE) or shutil.which("distillery")
    if not path:
        raise PrepareError(
            f"there is no program `distillery` on the PATH and ${PROGRAM_VARIABLE} names none; it resolves experiments. "
            "Where it cannot be, give what `distillery prepare` printed elsewhere, a .json, in place of the experiment")
    return path


def prepare(
    experiment: Path, out: Path, overrides: Sequence[str] = (), size: str | None = None, distillation: str | None = None,
    resume: bool = False,
) -> Prepared:
    """Has the program resolve an experiment file and write or check the checkpoint in `out` that training begins with.
    What it has to say goes to stderr. Throws PrepareError."""
    command = [program(), "prepare", str(experiment), "--out", str(out)]
    command += [part for override in overrides for part in ("--set", override)]
    command += ["--size", size] if size else []
    command += ["--distillation", distillation] if distillation else []
    command += ["--resume"] if resume else []
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=PATIENCE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise PrepareError(f"{command[0]} prepare did not end within {PATIENCE_SECONDS} seconds") from None
    except OSError as error:
        raise PrepareError(f"cannot run {command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise PrepareError(f"{command[0]} prepare ended with {done.returncode}; why stands above")
    return parse(done.stdout, f"{command[0]} prepare")


def read(path: Path) -> Prepared:
    """What `distillery prepare` printed into a file. Throws PrepareError."""
    try:
        return parse(path.read_bytes(), str(path))
    except OSError as error:
        raise PrepareError(f"cannot read {path}: {error.strerror}") from error


def parse(text: bytes, name: str) -> Prepared:
    try:
        values = json.loads(text)
        fields = {field.name: values[field.name] for field in dataclasses.fields(Prepared)}
        optima = {int(task): float(optimum) for task, optimum in fields.pop("optima").items()}
        configuration = fields["configuration"]
        if not isinstance(configuration, dict) or any(section not in configuration for section in SECTIONS):
            raise ValueError(f"its configuration has not all of {', '.join(SECTIONS)}")
        return Prepared(optima=optima, **fields)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__} {error}"
        raise PrepareError(f"expected what `distillery prepare` prints from {name}: {reason}") from error


def changes(prepared: Prepared, config: dict[str, Any]) -> list[str]:
    """Settings that a checkpoint's configuration has otherwise, as lines for people. Throws PrepareError where one of them
    may not change."""
    found = list(differences(prepared.configuration, config))
    refused = [line for key, line in found if key not in prepared.may_change_on_resume]
    if refused:
        raise PrepareError(
            "training cannot go on with other settings: " + "; ".join(refused) + ". These may change: "
            + ", ".join(prepared.may_change_on_resume))
    return [line for _, line in found]


def differences(now: dict[str, Any], before: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for section, name in SECTIONS.items():
        new, old = flattened(now.get(section), name), flattened(before.get(section), name)
        for key in sorted(new.keys() | old.keys()):
            if new.get(key) != old.get(key):
                yield key, f"{key}: {old.get(key)} before, {new.get(key)} now"


def flattened(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {name: value}
    return {key: leaf for part, inner in value.items() for key, leaf in flattened(inner, f"{name}.{part}").items()}
