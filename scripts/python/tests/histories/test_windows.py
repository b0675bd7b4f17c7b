"""Windows against a slow reference, on made streams with all settings."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distillery.histories import Histories, HistoriesError, StreamError, WindowSampler, WindowSettings
from distillery.histories.store import StreamStore

from .made import MadeStream, made_run
from .reference import Life, Reference

SETTINGS: list[dict[str, Any]] = [
    {},
    {"share_from_start": 1},
    {"share_from_start": 0, "teach_first_half": True},
    {"every_episodes": 3},
    {"every_episodes": 50},
    {"shown_episodes": 4},
    {"last_share": 0.2},
    {"last_share": 0.001},
    {"last_share": 0.01, "every_episodes": 2},
    {"expert_share": 0.3},
    {"weighting": "improvement"},
    {"weighting": "improvement", "shown_episodes": 7, "expert_share": 0.0, "last_share": 0.7},
    {"streams_per_lifetime": 1},
    {"tasks": 2},
]


def lives(histories: Histories, settings: WindowSettings) -> list[Life]:
    """Episodes by a walk over the rows."""
    found: list[Life] = []
    seen: dict[tuple[int, int], int] = {}
    tasks = sorted({entry.task for entry in histories})[: settings.tasks]
    for entry in histories:
        key = (entry.task, entry.lifetime)
        seen[key] = seen.get(key, 0) + 1
        if entry.task not in tasks or seen[key] > (settings.streams_per_lifetime or 99):
            continue
        with entry.open() as stream:
            episodes, start, incarnation = [], 0, None
            for record in stream.rollouts:
                first, length = int(record[1]), int(record[2])
                if record[4] != incarnation:
                    start, incarnation = first, record[4]
                for row in range(first, first + length):
                    if stream.terminations[row] or stream.truncations[row]:
                        episodes.append((start, row + 1))
                        start = row + 1
            found.append(Life(entry.task, episodes, stream.observations, stream.actions, stream.rewards))
    return found


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_window_has_the_rows_masks_and_taught_actions_of_the_reference(
    settings: dict[str, Any], tmp_path: Path, seed: int
) -> None:
    made_run(tmp_path, seed)
    chosen = WindowSettings(**settings)
    length, draw = random.Random(seed).choice([1, 2, 7, 30, 90]), seed << 20
    optimum = {0: 2.0, 1: 0.5}
    histories = Histories(tmp_path)
    sampler = WindowSampler(
        histories, length=length, seed=draw, settings=chosen, masking_probability=0.4, masks_together=False, optimum=optimum
    )
    reference = Reference(lives(histories, chosen), chosen, length, draw, optimum)
    for step in (0, 5, 1 << 33):
        batch = sampler.batch(step, 20)
        for index in range(20):
            rows, number, from_start, _ = reference.window(step, index)
            life = reference.lives[number]
            shown = [row for row in rows if row is not None]
            padding = length - len(shown)
            actions = [int(life.actions[row]) for row in shown]
            assert batch.actions[index].tolist() == actions + [0] * padding
            expected = life.observations[shown].tolist()
            assert batch.observations[index].tolist() == expected + [[0, 0]] * padding
            assert batch.components[index].tolist() == [[a, b + 5] for a, b in expected] + [[0, 0]] * padding
            before = [6, *actions][: len(shown)] + [6] * padding
            assert batch.previous_actions[index].tolist() == before
            rewards = [0.0, *(float(life.rewards[row]) for row in shown)][: len(shown)] + [0.0] * padding
            assert batch.previous_rewards[index].tolist() == rewards
            first = 0 if from_start or chosen.teach_first_half else length // 2
            assert batch.taught[index].tolist() == [first <= row < len(shown) for row in range(length)]
            assert batch.is_padding[index].sum() == padding
            if index < 3:
                assert batch.masked[index].tolist() == reference.masked(step, index, 0.4, together=False)


def test_a_window_depends_on_step_and_index_alone(tmp_path: Path, seed: int) -> None:
    made_run(tmp_path, seed)
    sampler = WindowSampler(tmp_path, length=9, seed=1, masking_probability=0.5)
    whole, part = sampler.batch(3, 20), sampler.batch(3, [7, 19])
    mixed = sampler.windows(np.array([2, 3]), np.array([7, 7]))
    for name in ("observations", "previous_actions", "previous_rewards", "masked", "actions", "taught"):
        assert np.array_equal(getattr(whole, name)[[7, 19]], getattr(part, name))
        assert np.array_equal(getattr(whole, name)[7], getattr(mixed, name)[1])


def test_what_follows_step_and_index_is_refused(tmp_path: Path) -> None:
    made_run(tmp_path, 1)
    sampler = WindowSampler(tmp_path, length=9, seed=1)
    with pytest.raises(HistoriesError, match="step is from -1"):
        sampler.batch(-1, 2)
    with pytest.raises(HistoriesError, match="index is from 0 to 4294967296, expected from 0 to below 4294967296"):
        sampler.batch(0, [0, 1 << 32])
    with pytest.raises(HistoriesError, match="length is 0"):
        WindowSampler(tmp_path, length=0, seed=1)
    with pytest.raises(ValueError, match="found -1"):
        WindowSampler(tmp_path, length=1, seed=-1)


def test_only_train_streams_of_source_algorithms_from_the_beginning_count(tmp_path: Path) -> None:
    for task, options in enumerate(
        ({}, {"split": "test"}, {"first_policy_version": 2}, {"source_json": '{"evaluation":"x","policy":"random"}'})
    ):
        made = MadeStream(tmp_path / f"task-{task:05}/lifetime-000/actor-0000.h5", **options)  # type: ignore[arg-type]
        made.rollout([3, 4], ends=True)
        made.seal()
    growing = MadeStream(tmp_path / "task-00009/lifetime-000/actor-0000.h5")
    growing.rollout([5, 2])
    growing.grow()
    assert WindowSampler(tmp_path, length=3, seed=0).row_count == 7
    assert WindowSampler(tmp_path, length=3, seed=0, growing=True).row_count == 12
    last = WindowSettings(last_share=0.99)
    assert WindowSampler(tmp_path, length=3, seed=0, growing=True, settings=last).stream_count == 1
    growing.file.close()


def test_a_sampler_that_grew_draws_what_a_new_one_draws(tmp_path: Path) -> None:
    made = [MadeStream(tmp_path / f"task-{task:05}/lifetime-000/actor-0000.h5", seed=task) for task in range(3)]
    sampler = WindowSampler(tmp_path, length=12, seed=4, growing=True, settings=WindowSettings(every_episodes=2))
    with pytest.raises(HistoriesError, match="no whole episode yet"):
        sampler.batch(0, 1)
    for stream in made:
        stream.grow()
    for step in range(4):
        made[step % 2].rollout([4, 3, step + 1, 5], ends=step % 2 == 0)
        made[2 - step % 2].die()
        assert sampler.refresh()
        new = WindowSampler(tmp_path, length=12, seed=4, growing=True, settings=WindowSettings(every_episodes=2))
        for name in ("observations", "previous_rewards", "taught"):
            assert np.array_equal(getattr(sampler.batch(step, 30), name), getattr(new.batch(step, 30), name))
    assert not sampler.refresh()


def test_files_that_did_not_change_are_not_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    made_run(tmp_path, 3)
    for entry in Histories(tmp_path):
        os.utime(entry.path, (1, 1))
    store = StreamStore(Histories(tmp_path), WindowSettings(), growing=True)
    assert store.refresh() and len(store.streams) == 9
    monkeypatch.setattr("distillery.histories.store.Stream", None)
    assert not store.refresh() and len(store.streams) == 9


def test_streams_of_several_environments_and_continuous_actions_are_refused(tmp_path: Path) -> None:
    for task, actions in enumerate((6, 7)):
        made = MadeStream(tmp_path / f"task-{task:05}/lifetime-000/actor-0000.h5", actions={"type": "discrete", "n": actions})
        made.rollout([3], ends=True)
        made.seal()
    with pytest.raises(HistoriesError, match="a model is taught with one environment"):
        WindowSampler(tmp_path, length=3, seed=0)


def test_a_damaged_stream_is_said_or_left_out(tmp_path: Path) -> None:
    made_run(tmp_path, 6)
    histories = Histories(tmp_path)
    whole = WindowSampler(histories, length=5, seed=0)
    histories[2].path.write_bytes(histories[2].path.read_bytes()[:3000])
    with pytest.raises(StreamError, match="lifetime-001/actor-0000.h5: "):
        WindowSampler(tmp_path, length=5, seed=0)
    left = WindowSampler(tmp_path, length=5, seed=0, leave_out_damaged=True)
    assert left.stream_count == whole.stream_count - 1
    assert list(left.left_out) == [str(histories[2].path)]
    # While histories grow it may be whole again later.
    following = WindowSampler(tmp_path, length=5, seed=0, growing=True)
    assert following.stream_count == left.stream_count and list(following.left_out) == [str(histories[2].path)]


def test_stored_states_are_given_where_they_are_asked_for(tmp_path: Path) -> None:
    image = {"type": "box", "shape": [72, 96, 3], "dtype": "uint8", "low": 0, "high": 255}
    pose = {"type": "box", "shape": [4], "dtype": "float32"}
    made = MadeStream(tmp_path / "task-00000/lifetime-000/actor-0000.h5", space=image, stored=("states", pose))
    made.rollout([6, 5], ends=True)
    made.seal()
    with pytest.raises(HistoriesError, match="observations='stored', or record with the environment's setting store: frames"):
        WindowSampler(tmp_path, length=3, seed=0)
    batch = WindowSampler(tmp_path, length=3, seed=0, observations="stored").batch(0, 5)
    assert batch.observations.shape == (5, 3, 4) and batch.observations.dtype == np.float32
    with pytest.raises(HistoriesError, match="not a few integers"):
        _ = batch.components


def test_pictures_are_given_as_bytes(tmp_path: Path) -> None:
    image = {"type": "box", "shape": [8, 9, 3], "dtype": "uint8", "low": 0, "high": 255}
    made = MadeStream(tmp_path / "task-00000/lifetime-000/actor-0000.h5", space=image)
    made.rollout([6, 5], ends=True)
    made.seal()
    batch = WindowSampler(tmp_path, length=15, seed=0, settings=WindowSettings(share_from_start=1)).batch(0, 2)
    with Histories(tmp_path)[0].open() as stream:
        assert np.array_equal(batch.observations[1, :11], stream.observations)
    assert batch.observations.dtype == np.uint8 and not batch.observations[:, 11:].any()


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"every_episode": 2}, "unknown key 'every_episode', expected one of every_episodes"),
        ({"every_episodes": 0}, "every_episodes is 0, expected a whole number from 1 to 1000000"),
        ({"every_episodes": None}, "every_episodes is None"),
        ({"share_from_start": 1.5}, "share_from_start is 1.5, expected from 0 to 1"),
        ({"last_share": 0}, "last_share is 0, expected above 0, to 1"),
        ({"expert_share": 1}, "expert_share is 1, expected from 0, below 1"),
        ({"weighting": "best"}, "weighting is 'best', expected rows or improvement"),
        ({"shown_episodes": 3, "every_episodes": 2}, "write one of them"),
    ],
)
def test_settings_out_of_range_are_refused(section: dict[str, Any], message: str) -> None:
    with pytest.raises(HistoriesError, match=message):
        WindowSettings.of(section)


def test_settings_are_read_as_an_experiment_has_them() -> None:
    section = {"every_episodes": 10, "shown_episodes": "none", "streams_per_lifetime": "all", "expert_share": 0.5}
    assert WindowSettings.of(section) == WindowSettings(every_episodes=10, expert_share=0.5)
