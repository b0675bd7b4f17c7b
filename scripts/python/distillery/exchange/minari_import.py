"""Minari data sets as streams: our own come back as they went, others' become one stream of one task."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from ..histories import Environment, Space
from .attributes import Attributes, from_json
from .environments import EnvironmentNames, environment_of
from .errors import UNREADABLE, ExchangeError, library
from .foreign import EpisodeRows, append_episodes
from .gymnasium_spaces import converted, from_gymnasium
from .minari_export import SIDE_FILE
from .output import new_folder
from .pieces import Names, row_bytes
from .places import place_of
from .sealed import SealedStream, made_attributes
from .summary import Progress, Summary


def import_minari(
    source: str | Path,
    out: str | Path,
    *,
    key: str | None = None,
    rounds: bool = False,
    environment: EnvironmentNames = EnvironmentNames(),
) -> Summary:
    """Writes the streams of a data set into `out`/histories, sealed.

    `source`: the data set's folder, or an id that `minari.load_dataset` finds. `key`: of a dictionary of observations.
    `rounds`: numbers of 64 bits may be rounded to 32. `environment`: of streams that were not ours. Raises
    `HistoriesError`.
    """
    dataset = _opened(str(source))
    summary = Summary("minari", str(out))
    side = Path(dataset.storage.data_path) / SIDE_FILE
    with new_folder(Path(out)) as folder:
        if side.is_file():
            progress = _import_own(dataset, side, folder, summary)
        else:
            progress = _import_other(dataset, folder, summary, key, rounds, environment)
    progress.end(summary)
    return summary


def _opened(source: str) -> Any:
    minari = library("minari")
    folder = Path(source)
    if (folder / "data").is_dir():
        folder = folder / "data"
    try:
        if folder.is_dir():
            return minari.MinariDataset(folder)
        return minari.load_dataset(source)
    except (OSError, ValueError, KeyError, AssertionError) as error:
        raise ExchangeError(f"{source}: Minari cannot load it: {error!r:.300}") from None


# MARK: Ours


def _import_own(dataset: Any, path: Path, folder: Path, summary: Summary) -> Progress:
    try:
        side = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise ExchangeError(f"{path}: it cannot be opened as an HDF5 file: {error}") from None
    with side:
        progress = Progress("import", len(side))
        for number in range(len(side)):
            where = f"{path}: stream_{number}"
            try:
                group = side[f"stream_{number}"]
                attributes = from_json(bytes(group["attributes"][()]), where)
                _restore(dataset, group, attributes, folder, summary, progress, where)
            except UNREADABLE as error:
                raise ExchangeError(f"{where}: it cannot be read: {error}") from None
            progress.advance(summary, by=1)
    return progress


def _restore(
    dataset: Any,
    group: h5py.Group,
    attributes: Attributes,
    folder: Path,
    summary: Summary,
    progress: Progress,
    where: str,
) -> None:
    environment = environment_of(attributes, where)
    names = Names(environment.stored_name)
    order = np.asarray(group["episodes"][()])
    if order.ndim != 2 or order.shape[1] != 2 or order.dtype.kind != "i" or (order[:, 1] < 1).any():
        raise ExchangeError(f"{where}: its episodes should be (E, 2) whole numbers, found {order.dtype} {order.shape}")
    rollouts = group["rollouts"][()]
    left_out = int(order[order[:, 0] < 0, 1].sum())
    aside = {name: group[f"aside/{name}"] for name in names.rows}
    for name, rows in aside.items():
        if len(rows) != left_out:
            raise ExchangeError(f"{where}: {len(rows)} {name} are aside, expected the {left_out} of its episodes")
    with SealedStream(place_of(folder, attributes, where), environment, attributes) as stream:
        stream.append("rollouts", rollouts)
        kept = 0
        found = _episodes(dataset, order[order[:, 0] >= 0, 0])
        for number, length in order.tolist():
            if number < 0:
                for name in names.rows:
                    stream.append(name, _own(aside[name][kept : kept + length], name, length, where))
                kept += length
                continue
            episode = next(found)
            stream.append(names.stored, _own(episode.observations[:-1], names.stored, length, where))
            stream.append(names.finals, episode.observations[-1:])
            for name in names.rows[1:]:
                stream.append(name, _own(getattr(episode, name), name, length, where))
            summary.episodes += 1
            progress.advance(summary)
        stream.seal()
    rows = int(order[:, 1].sum())
    summary.streams += 1
    summary.transitions += rows
    summary.left_out_episodes += int((order[:, 0] < 0).sum())
    summary.bytes += rows * row_bytes(environment)


def _own(rows: Any, name: str, length: int, where: str) -> npt.NDArray[Any]:
    """Flags are truth values in Minari."""
    found = np.asarray(rows)
    if len(found) != length:
        raise ExchangeError(f"{where}: an episode has {len(found)} {name}, expected {length}")
    return found.view(np.uint8) if found.dtype == np.bool_ else found


def _episodes(dataset: Any, ids: npt.NDArray[np.int64]) -> Iterator[Any]:
    return iter(dataset.iterate_episodes(ids.tolist())) if len(ids) else iter(())


# MARK: Others'


def _import_other(
    dataset: Any, folder: Path, summary: Summary, key: str | None, rounds: bool, names: EnvironmentNames
) -> Progress:
    observation_space, action_space = _spaces(dataset, key)
    metadata = dataset.storage.metadata
    environment = Environment(
        name=f"minari:{dataset.spec.dataset_id}",
        json=json.dumps({"minari": dataset.spec.dataset_id}),
        horizon=0,
        observation_space=observation_space,
        action_space=action_space,
        stored_name="observations",
        stored_space=observation_space,
    )
    environment = names.applied(environment)
    source = {
        "minari": dataset.spec.dataset_id,
        "minari_version": metadata.get("minari_version", ""),
        "algorithm_name": metadata.get("algorithm_name", ""),
        "code_permalink": metadata.get("code_permalink", ""),
        "env_spec": metadata.get("env_spec") or "",
        "key": key or "",
    }
    attributes = made_attributes(
        environment,
        task_id=0,
        task_json=json.dumps({"minari": dataset.spec.dataset_id}),
        repetition=0,
        source_algorithm=str(metadata.get("algorithm_name") or "minari")[:200],
        source_json=json.dumps(source),
        actor=0,
    )
    progress = Progress("import", 1)
    with SealedStream(place_of(folder, attributes, str(dataset.spec.dataset_id)), environment, attributes) as stream:
        append_episodes(stream, _converted(dataset, observation_space, action_space, key, rounds), summary, progress)
        stream.seal()
    summary.streams = 1
    progress.advance(summary, by=1)
    return progress


def _spaces(dataset: Any, key: str | None) -> tuple[Space, Space]:
    observation_space = dataset.spec.observation_space
    if key is not None:
        entries = getattr(observation_space, "spaces", None)
        if not isinstance(entries, dict) or key not in entries:
            names = list(entries) if isinstance(entries, dict) else "none, it is no Dict"
            raise ExchangeError(f"the observation space has no entry {key!r}, it has: {names}")
        observation_space = entries[key]
    return from_gymnasium(observation_space, "observation"), from_gymnasium(dataset.spec.action_space, "action")


def _converted(dataset: Any, observations: Space, actions: Space, key: str | None, rounds: bool) -> Iterator[EpisodeRows]:
    one = Space("box", (), np.dtype(np.float32))
    for episode in dataset.iterate_episodes():
        where = f"episode {episode.id}"
        seen = episode.observations if key is None else episode.observations[key]
        length = len(episode.rewards)
        if len(seen) != length + 1:
            raise ExchangeError(f"{where}: {len(seen)} observations, expected {length + 1} for {length} steps")
        yield EpisodeRows(
            observations=converted(seen, observations, f"{where}: observations", rounds=rounds),
            actions=converted(episode.actions, actions, f"{where}: actions", rounds=rounds),
            rewards=converted(episode.rewards, one, f"{where}: rewards", rounds=rounds),
            terminations=np.asarray(episode.terminations) != 0,
            truncations=np.asarray(episode.truncations) != 0,
        )
