"""What a stream file says about itself, in its attributes (Sources/Histories/StreamMetadata.swift)."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .errors import StreamError
from .spaces import Space

SCHEMA_VERSION = 1
_DATASETS = {"observations", "actions", "rewards", "terminations", "truncations", "rollouts"}


@dataclass(frozen=True)
class Environment:
    """What streams of one environment have in common; a model is taught with one.

    `name`, `json`: the environment and its settings. `horizon`: longest episode, 0 where there is none.
    `stored_name`, `stored_space`: the dataset of observations, and what it holds; where that is not what is seen
    (`has_view`), such as the poses of the Watermaze, only Distillery itself can draw what is seen.
    """

    name: str
    json: str
    horizon: int
    observation_space: Space
    action_space: Space
    stored_name: str
    stored_space: Space

    @property
    def has_view(self) -> bool:
        return self.stored_name != "observations"


@dataclass(frozen=True)
class Metadata:
    """`is_sealed`: the stream was complete when the file was opened, and cannot grow."""

    environment: Environment
    software_version: str
    task: int
    task_json: str
    split: str
    lifetime: int
    source_algorithm: str
    source_json: str
    actor: int
    seed: int
    created: str
    first_policy_version: int
    is_sealed: bool

    @property
    def is_of_evaluation(self) -> bool:
        """It is of an evaluation, and no learning history."""
        return self.source_algorithm == "distilled" or _names_evaluation(self.source_json)


def _names_evaluation(source_json: str) -> bool:
    try:
        source = json.loads(source_json)
    except ValueError:
        return False
    return isinstance(source, dict) and isinstance(source.get("evaluation"), str)


def read_metadata(file: h5py.File, path: Path) -> Metadata:
    """Raises `StreamError` where an attribute is missing, of another type, or out of its range."""
    reader = _Attributes(file, path)
    version = reader.integer("schema_version")
    if version != SCHEMA_VERSION:
        raise StreamError(path, f"schema_version is {version}, this package reads {SCHEMA_VERSION}")
    split = reader.text("split")
    if split not in ("train", "test"):
        raise StreamError(path, f"attribute split should be train or test, found {split!r}")
    observation_space = reader.space("observation_space")
    stored_name, stored_space = "observations", observation_space
    if "stored_name" in file.attrs:
        stored_name, stored_space = reader.text("stored_name"), reader.space("stored_space")
        if not stored_name or "/" in stored_name or stored_name in _DATASETS:
            raise StreamError(path, f"attribute stored_name should name a dataset, found {stored_name!r}")
    return Metadata(
        environment=Environment(
            name=reader.text("environment"),
            json=reader.text("environment_json"),
            horizon=reader.integer("horizon"),
            observation_space=observation_space,
            action_space=reader.space("action_space"),
            stored_name=stored_name,
            stored_space=stored_space,
        ),
        software_version=reader.text("software_version"),
        task=reader.integer("task_id"),
        task_json=reader.text("task_json"),
        split=split,
        lifetime=reader.integer("repetition"),
        source_algorithm=reader.text("source_algorithm"),
        source_json=reader.text("source_json"),
        actor=reader.integer("actor"),
        seed=reader.integer("seed"),
        created=reader.text("created"),
        first_policy_version=reader.integer("first_policy_version"),
        is_sealed=reader.integer("complete") == 1,
    )


class _Attributes:
    def __init__(self, file: h5py.File, path: Path) -> None:
        self.attributes = file.attrs
        self.path = path

    def text(self, name: str) -> str:
        value = self._value(name)
        if not isinstance(value, bytes | np.bytes_):
            raise StreamError(self.path, f"attribute {name} should be a text of fixed length, found {value!r}")
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            raise StreamError(self.path, f"attribute {name} is not UTF-8") from None

    def integer(self, name: str) -> int:
        value = self._value(name)
        if not isinstance(value, np.integer) or value < 0:
            raise StreamError(self.path, f"attribute {name} should be a whole number from 0, found {value!r}")
        return int(value)

    def space(self, name: str) -> Space:
        try:
            return Space.parse(self.text(name))
        except ValueError as error:
            raise StreamError(self.path, f"attribute {name}: {error}") from None

    def _value(self, name: str) -> Any:
        try:
            return self.attributes[name]
        except (KeyError, OSError):
            raise StreamError(self.path, f"attribute {name} is missing or unreadable") from None
