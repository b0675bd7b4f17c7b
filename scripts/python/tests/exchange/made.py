"""Makes sealed streams with random rows and sound checksums, and compares streams."""

import json
from pathlib import Path
from typing import Any

import google_crc32c
import h5py
import numpy as np

SPACES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "integers": ({"type": "multi_discrete", "nvec": [9, 300]}, {"type": "discrete", "n": 5}, "observations"),
    "one": ({"type": "discrete", "n": 4}, {"type": "discrete", "n": 300}, "observations"),
    "floats": (
        {"type": "box", "shape": [3], "dtype": "float32"},
        {"type": "box", "shape": [2], "dtype": "float32", "low": -1, "high": 1},
        "observations",
    ),
    "grid": (
        {"type": "box", "shape": [5, 5], "dtype": "uint8", "low": 0, "high": 255}, {"type": "discrete", "n": 6}, "observations",
    ),
    "pictures": (
        {"type": "box", "shape": [36, 40, 3], "dtype": "uint8", "low": 0, "high": 255},
        {"type": "discrete", "n": 8}, "observations",
    ),
    "poses": ({"type": "box", "shape": [4], "dtype": "float32"}, {"type": "discrete", "n": 8}, "states"),
}  # fmt: skip
"""Observations, actions, and the dataset in which observations are."""


def random_run(folder: Path, seed: int, *, kind: str = "integers", streams: int = 5, rollouts: int = 12) -> Path:
    random = np.random.default_rng(seed)
    for number in range(streams):
        place = f"task-{number // 2:05}/lifetime-000/actor-{number % 2:04}.h5"
        random_stream(folder / "histories" / place, random, kind, rollouts, number // 2, number % 2)
    return folder


def random_stream(path: Path, random: np.random.Generator, kind: str, rollouts: int, task: int, actor: int) -> None:
    """Rollouts of 0 to 12 rows, from which a carrier sometimes dies: episodes are of any length, cut, or unfinished."""
    observation, action, stored = SPACES[kind]
    columns: dict[str, list[Any]] = {name: [] for name in (stored, "actions", "rewards", "terminations", "truncations")}
    finals: list[Any] = []
    records: list[list[int]] = []
    row = episode = incarnation = version = 0
    is_open = False
    for sequence in range(rollouts):
        if random.random() < 0.25:
            incarnation += int(random.integers(1, 4))
            episode += is_open + int(random.integers(0, 3))
            version, is_open = int(random.integers(0, 9)), False
        rows = int(random.integers(0, 13)) if sequence else int(random.integers(1, 13))
        ends = random.random(rows) < 0.3
        piece = {
            stored: elements(observation, rows, random),
            "actions": elements(action, rows, random),
            "rewards": random.normal(size=rows).astype(np.float32),
            "terminations": (ends & (random.random(rows) < 0.6)).astype(np.uint8),
        }
        piece["truncations"] = (ends & (piece["terminations"] == 0) | ends & (random.random(rows) < 0.2)).astype(np.uint8)
        final = elements(observation, int(ends.sum()), random)
        content = b"".join(column.tobytes() for column in piece.values()) + final.tobytes()
        records.append([sequence, row, rows, version, incarnation, google_crc32c.value(content), 1 + sequence, episode])
        for name, column in piece.items():
            columns[name].append(column)
        finals.append(final)
        row, episode, version = row + rows, episode + int(ends.sum()), version + int(random.integers(0, 3))
        is_open = bool(not ends[-1]) if rows else is_open
    write(path, columns, finals, records, (observation, action, stored), task, actor)


def elements(space: dict[str, Any], count: int, random: np.random.Generator) -> Any:
    match space["type"]:
        case "discrete":
            return random.integers(0, space["n"], count).astype(np.uint8 if space["n"] <= 256 else np.int32)
        case "multi_discrete":
            dtype = np.uint8 if max(space["nvec"]) <= 256 else np.int32
            return random.integers(0, space["nvec"], (count, len(space["nvec"]))).astype(dtype)
    if space["dtype"] == "uint8":
        return random.integers(0, 256, (count, *space["shape"])).astype(np.uint8)
    return random.uniform(-1, 1, (count, *space["shape"])).astype(np.float32)


def write(path: Path, columns: Any, finals: Any, records: Any, spaces: Any, task: int, actor: int) -> None:
    observation, action, stored = spaces
    path.parent.mkdir(parents=True, exist_ok=True)
    # The checksum of attributes is left out, as in files from before it: who reads them makes none.
    with h5py.File(path, "w", libver=("v110", "v110"), locking=False) as file:
        for name, pieces in columns.items():
            file.create_dataset(name, data=np.concatenate(pieces))
        file.create_dataset(f"final_{stored}", data=np.concatenate(finals))
        file.create_dataset("rollouts", data=np.array(records, np.uint64))
        texts = {
            "software_version": "0.1.0", "environment": "made-up", "environment_json": '{"size":9}',
            "task_json": json.dumps({"goal": [task, 1], "name": "Größe"}, ensure_ascii=False),
            "observation_space": json.dumps(observation), "action_space": json.dumps(action),
            "split": "test" if task == 2 else "train", "source_algorithm": "a3c", "source_json": "{}",
            "created": "2026-01-31T12:00:00Z", "a_later_attribute": "",
        }  # fmt: skip
        if stored != "observations":
            texts["stored_name"], texts["stored_space"] = stored, json.dumps(observation)
        for name, text in texts.items():
            file.attrs[name] = np.bytes_(text.encode() or b"\0")
        for name, number in {
            "schema_version": 1,
            "horizon": 20,
            "task_id": task,
            "repetition": 0,
            "actor": actor,
        }.items():
            file.attrs[name] = np.int64(number)
        file.attrs["seed"], file.attrs["first_policy_version"] = np.uint64((1 << 64) - 1), np.uint64(0)
        file.attrs["complete"] = np.uint8(1)


def assert_same_streams(run: Path, other: Path) -> None:
    """The same files, with the same columns byte for byte and the same attributes."""
    names = sorted(path.relative_to(run) for path in (run / "histories").rglob("*.h5"))
    assert names and names == sorted(path.relative_to(other) for path in (other / "histories").rglob("*.h5"))
    for name in names:
        with h5py.File(run / name) as one, h5py.File(other / name) as two:
            assert sorted(one) == sorted(two)
            for column in one:
                assert (one[column].dtype, one[column].shape) == (two[column].dtype, two[column].shape), column
                assert one[column][()].tobytes() == two[column][()].tobytes(), (name, column)
            assert {key: one.attrs[key] for key in one.attrs} == {key: two.attrs[key] for key in two.attrs}
            assert all(one.attrs[key].dtype == two.attrs[key].dtype for key in one.attrs if key != "a_later_attribute")
