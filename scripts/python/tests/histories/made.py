"""Makes streams, sealed or growing, with rows that say where they are."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

INTEGERS = {"type": "multi_discrete", "nvec": [5, 300]}
ACTIONS = {"type": "discrete", "n": 6}


class MadeStream:
    """One file. Rows have the episode and the row in it as observation, where the space is `INTEGERS`."""

    def __init__(
        self,
        path: Path,
        *,
        space: dict[str, Any] = INTEGERS,
        actions: dict[str, Any] = ACTIONS,
        split: str = "train",
        source_json: str = "{}",
        first_policy_version: int = 0,
        stored: tuple[str, dict[str, Any]] | None = None,
        seed: int = 0,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.random = np.random.default_rng(seed)
        self.name, self.space = stored or ("observations", space)
        self.episode = self.incarnation = self.sequence = self.version = 0
        task, lifetime, actor = (int("".join(filter(str.isdigit, part))) for part in self.path.with_suffix("").parts[-3:])
        self.file = h5py.File(path, "w", libver=("v110", "v110"), locking=False)
        for name, dtype, shape in self.columns(actions):
            self.file.create_dataset(name, (0, *shape), dtype, maxshape=(None, *shape), chunks=(64, *shape))
        for name, text in {
            "software_version": "0.1.0", "environment": "made-up", "environment_json": "{}", "task_json": '{"name":"Größe"}',
            "observation_space": json.dumps(space), "action_space": json.dumps(actions), "split": split,
            "source_algorithm": "a3c", "source_json": source_json, "created": "2026-01-31T12:00:00Z",
        }.items():  # fmt: skip
            self.file.attrs[name] = np.bytes_(text.encode())
        if stored:
            self.file.attrs["stored_name"] = np.bytes_(stored[0])
            self.file.attrs["stored_space"] = np.bytes_(json.dumps(stored[1]))
        for name, number in {
            "schema_version": 1, "horizon": 0, "task_id": task, "repetition": lifetime, "actor": actor, "seed": 5,
            "first_policy_version": first_policy_version,
        }.items():  # fmt: skip
            self.file.attrs[name] = np.int64(number)
        self.file.attrs["complete"] = np.uint8(0)
        self.file.flush()

    def columns(self, actions: dict[str, Any]) -> list[tuple[str, str, tuple[int, ...]]]:
        shape = tuple(self.space.get("shape", (len(self.space.get("nvec", [])),)))
        counts = self.space.get("nvec", [0])
        dtype = self.space.get("dtype", "uint8" if max(counts) <= 256 else "int32")
        return [
            (self.name, dtype, shape), ("actions", "uint8" if actions["n"] <= 256 else "int32", ()),
            ("rewards", "float32", ()), ("terminations", "uint8", ()), ("truncations", "uint8", ()),
            (f"final_{self.name}", dtype, shape), ("rollouts", "uint64", (8,)),
        ]  # fmt: skip

    def rollout(self, lengths: list[int], *, goes_on: bool = False, ends: bool = False) -> None:
        """Appends a rollout of episodes (or their pieces) of these lengths; the last one ends with it where `ends`, and
        where not it goes on with the next rollout. `goes_on`: it begins in an open episode."""
        rows = sum(lengths)
        before = len(self.file["actions"])
        flags = np.zeros(rows, np.uint8)
        stops = np.cumsum(lengths)
        ended = stops if ends else stops[:-1]
        flags[ended - 1] = 1
        first_episode = self.episode
        numbers = self.episode + np.repeat(np.arange(len(lengths)), lengths)
        within = np.concatenate([np.arange(length) for length in lengths])
        self.append(self.name, self.observations(numbers, within))
        self.append("actions", self.random.integers(0, 6, rows))
        # Sums of eighths are exact in whatever order they are added up.
        self.append("rewards", (self.random.integers(0, 8, rows) + numbers) / 8)
        even = np.cumsum(flags) % 2 == 0
        self.append("terminations", flags * even)
        self.append("truncations", flags * ~even)
        self.append(f"final_{self.name}", self.observations(numbers, within)[flags != 0])
        self.file.flush()
        record = [self.sequence, before, rows, self.version, self.incarnation, 0, 1, first_episode]
        self.append("rollouts", np.array([record], np.uint64))
        self.file.flush()
        self.episode += len(ended)
        self.sequence += 1
        self.version += 1

    def die(self, *, in_episode: bool = True) -> None:
        """The carrier dies: the next rollout is of another incarnation."""
        self.incarnation += 2
        self.episode += in_episode

    def observations(self, numbers: Any, within: Any) -> Any:
        if self.space is INTEGERS:
            return np.stack([numbers % 5, within], axis=1)
        shape = (len(numbers), *self.file[self.name].shape[1:])
        if self.file[self.name].dtype == np.uint8:
            return self.random.integers(0, 256, shape)
        return self.random.random(shape)

    def append(self, name: str, values: Any) -> None:
        dataset = self.file[name]
        count = len(dataset)
        dataset.resize(count + len(values), axis=0)
        dataset[count:] = values

    def grow(self) -> None:
        """From here on readers may look while it is written to."""
        self.file.swmr_mode = True

    def seal(self) -> None:
        self.file.attrs["complete"] = np.uint8(1)
        self.file.close()


def made_run(folder: Path, seed: int, *, streams: int = 9) -> None:
    """Sealed streams of several tasks and lifetimes, with episodes of random lengths, and some that were cut."""
    random = np.random.default_rng(seed)
    for number in range(streams):
        place = f"task-{number // 4:05}/lifetime-{number // 2 % 2:03}/actor-{number % 2:04}.h5"
        stream = MadeStream(folder / "histories" / place, seed=seed + number)
        is_open = False
        for _ in range(int(random.integers(1, 12))):
            lengths = [int(length) for length in random.integers(1, 9, random.integers(1, 9))]
            ends = bool(random.random() < 0.7)
            stream.rollout(lengths, goes_on=is_open, ends=ends)
            is_open = not ends
            if random.random() < 0.2:
                stream.die(in_episode=is_open)
                is_open = False
        stream.seal()
