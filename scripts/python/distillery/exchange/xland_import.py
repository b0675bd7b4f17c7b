"""Files in the layout of XLand-100B as streams: a history is the stream of an actor in one lifetime on its task."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..histories import Environment, Space
from .attributes import from_json
from .environments import EnvironmentNames, environment_of
from .errors import UNREADABLE, ExchangeError
from .foreign import Part, append_parts
from .output import new_folder
from .pieces import PIECE_BYTES, Names, row_bytes
from .places import place_of
from .sealed import SealedStream, made_attributes
from .summary import Progress, Summary
from .xland_export import SIDE_GROUP

_XLAND_ACTIONS = 6
"""Of every environment of XLand-MiniGrid."""


def import_xland(source: str | Path, out: str | Path, *, environment: EnvironmentNames = EnvironmentNames()) -> Summary:
    """Writes the histories of a file into `out`/histories, sealed. Raises `HistoriesError`.

    A file of our own gives the streams that it was made of. Of another's, `dones` does not say why an episode ended: one
    with a reward above 0 has reached its goal and is terminated, others are truncated, as XLand-MiniGrid rewards. What
    was observed after an episode's last step is not in it; the last observation stands in its place. `environment`: of
    streams that were not ours.
    """
    summary = Summary("xland", str(out))
    try:
        file = h5py.File(source, "r", locking=False)
    except OSError as error:
        raise ExchangeError(f"{source}: it cannot be opened as an HDF5 file: {error}") from None
    with file, new_folder(Path(out)) as folder:
        tasks = _tasks(file, str(source))
        progress = Progress("import", sum(task.histories for task in tasks))
        actions = 0 if all(task.is_own for task in tasks) else _actions(tasks)
        rulesets = [task.ruleset for task in tasks]
        are_ids = len(set(rulesets)) == len(rulesets) and all(0 <= ruleset < 1 << 31 for ruleset in rulesets)
        for number, task in enumerate(tasks):
            for history in range(task.histories):
                try:
                    if task.is_own:
                        _restore(task, history, folder, summary, progress)
                    else:
                        task_id = task.ruleset if are_ids else number
                        found = environment.applied(_environment(task, actions))
                        _import_other(task, history, task_id, found, folder, summary, progress)
                except UNREADABLE as error:
                    raise ExchangeError(f"{task.where}: history {history} cannot be read: {error}") from None
                progress.advance(summary, by=1)
    progress.end(summary)
    return summary


@dataclass(frozen=True)
class _Task:
    group: h5py.Group
    where: str
    is_own: bool
    histories: int
    length: int
    environment: str
    benchmark: str
    ruleset: int


def _tasks(file: h5py.File, source: str) -> list[_Task]:
    """In the order of their numbers. Raises `ExchangeError` for what is not XLand's layout."""
    count = len(file)
    if not count:
        raise ExchangeError(f"{source}: it has no tasks, expected groups '0', '1', ... as XLand-100B has")
    found = []
    for number in range(count):
        where = f"{source}: group '{number}'"
        group = file.get(str(number))
        if not isinstance(group, h5py.Group):
            raise ExchangeError(f"{where} is missing; expected groups '0' to '{count - 1}', found {sorted(file)[:5]}")
        for name in ("states", "actions", "rewards", "dones"):
            if not isinstance(group.get(name), h5py.Dataset):
                raise ExchangeError(f"{where}: dataset {name} is missing")
            if group[name].shape[:2] != group["rewards"].shape or group["rewards"].ndim != 2:
                raise ExchangeError(f"{where}: {name} should be (histories, transitions), found {group[name].shape}")
        missing = [name for name in ("env-id", "benchmark-id", "ruleset-id") if name not in group.attrs]
        if missing:
            raise ExchangeError(f"{where}: attribute {missing[0]} is missing")
        is_own = SIDE_GROUP in group
        histories, length = group["rewards"].shape
        found.append(
            _Task(
                group, where, is_own, len(group[SIDE_GROUP]) if is_own else histories, length,
                str(group.attrs["env-id"]), str(group.attrs["benchmark-id"]), _ruleset(group, where),
            )
        )  # fmt: skip
    return found


def _ruleset(group: h5py.Group, where: str) -> int:
    value = group.attrs["ruleset-id"]
    if not isinstance(value, int | np.integer):
        raise ExchangeError(f"{where}: attribute ruleset-id should be a whole number, found {value!r}")
    return int(value)


# MARK: Ours


def _restore(task: _Task, history: int, folder: Path, summary: Summary, progress: Progress) -> None:
    where = f"{task.where}: history {history}"
    side = task.group[f"{SIDE_GROUP}/{history}"]
    attributes = from_json(bytes(side["attributes"][()]), where)
    environment = environment_of(attributes, where)
    names = Names(environment.stored_name)
    shown, rows = int(side.attrs["shown"]), len(side["terminations"])
    step = max(1, PIECE_BYTES // row_bytes(environment))
    with SealedStream(place_of(folder, attributes, where), environment, attributes) as stream:
        stream.append("rollouts", side["rollouts"][()])
        for layout, name in zip(("states", "actions", "rewards"), names.rows):
            for first in range(0, shown, step):
                stream.append(name, task.group[layout][history, first : min(first + step, shown)])
        for name in (*names.rows, names.finals):
            for first in range(0, len(side[name]), step):
                stream.append(name, side[name][first : first + step])
        stream.seal()
    summary.streams += 1
    summary.transitions += rows
    summary.episodes += len(side[names.finals])
    summary.bytes += rows * row_bytes(environment)
    progress.advance(summary)


# MARK: Others'


def _actions(tasks: list[_Task]) -> int:
    """How many there are: as many as were taken, and not fewer than XLand-MiniGrid has."""
    most = _XLAND_ACTIONS if any("MiniGrid" in task.environment for task in tasks) else 1
    for task in tasks:
        actions = task.group["actions"]
        if actions.dtype.kind not in "iu" or actions.ndim != 2:
            raise ExchangeError(
                f"{task.where}: actions should be whole numbers (H, T), found {actions.dtype} {actions.shape}"
            )
        for history in range(task.histories):
            for first in range(0, task.length, PIECE_BYTES):
                piece = actions[history, first : first + PIECE_BYTES]
                if piece.size and piece.min() < 0:
                    raise ExchangeError(
                        f"{task.where}: history {history} has an action of {piece.min()}, expected 0 or above"
                    )
                most = max(most, int(piece.max(initial=0)) + 1)
    if most > 65_536:
        raise ExchangeError(f"there is an action {most - 1}; expected fewer than 65,536 actions")
    return most


def _environment(task: _Task, actions: int) -> Environment:
    states = task.group["states"]
    if states.dtype not in (np.dtype(np.uint8), np.dtype(np.int32), np.dtype(np.float32)):
        raise ExchangeError(f"{task.where}: states should be uint8, int32 or float32, found {states.dtype}")
    bounds = ',"low":0,"high":255' if states.dtype == np.uint8 else ""
    shape = ",".join(map(str, states.shape[2:]))
    try:
        space = Space.parse(f'{{"type":"box","shape":[{shape}],"dtype":"{states.dtype.name}"{bounds}}}')
    except ValueError as error:
        raise ExchangeError(f"{task.where}: states: {error}") from None
    return Environment(
        name=task.environment,
        json=json.dumps({"benchmark-id": task.benchmark}),
        horizon=0,
        observation_space=space,
        action_space=Space.parse(f'{{"type":"discrete","n":{actions}}}'),
        stored_name="observations",
        stored_space=space,
    )


def _import_other(
    task: _Task, history: int, task_id: int, environment: Environment, folder: Path, summary: Summary, progress: Progress
) -> None:
    attributes = made_attributes(
        environment,
        task_id=task_id,
        task_json=json.dumps({"benchmark-id": task.benchmark, "ruleset-id": task.ruleset}),
        repetition=0,
        source_algorithm="xland",
        source_json=json.dumps({"final_observations": "not recorded: the observation before the last step"}),
        actor=history,
    )
    with SealedStream(place_of(folder, attributes, task.where), environment, attributes) as stream:
        append_parts(stream, _parts(task, history, environment), summary, progress)
        stream.seal()
    summary.streams += 1


def _parts(task: _Task, history: int, environment: Environment) -> Iterator[Part]:
    step = max(1, PIECE_BYTES // row_bytes(environment))
    for first in range(0, task.length, step):
        rows = {
            name: task.group[name][history, first : first + step] for name in ("states", "actions", "rewards", "dones")
        }
        dones = rows["dones"] != 0
        # float16, as XLand has them, fits.
        rewards = rows["rewards"].astype(np.float32)
        if not (np.isfinite(rewards).all() and (rewards == rows["rewards"]).all()):
            raise ExchangeError(f"{task.where}: history {history} has rewards that are no finite numbers of 32 bits")
        states: Any = rows["states"]
        yield {
            "observations": states,
            "actions": rows["actions"].astype(environment.action_space.dtype),
            "rewards": rewards,
            "terminations": (dones & (rewards > 0)).astype(np.uint8),
            "truncations": (dones & ~(rewards > 0)).astype(np.uint8),
            "finals": states[dones],
        }
