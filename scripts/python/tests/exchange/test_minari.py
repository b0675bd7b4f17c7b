"""Minari's own library reads what is exported, and what is imported is the same."""

import dataclasses
from pathlib import Path

import gymnasium
import h5py
import minari
import numpy as np
import pytest
from minari import MinariDataset
from minari.data_collector import EpisodeBuffer

from distillery.exchange import EnvironmentNames, ExchangeError, export_minari, import_minari
from distillery.exchange.sealed import verify
from distillery.histories import Histories, HistoriesError

from .made import assert_same_streams, random_run


@pytest.fixture
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    return tmp_path / "datasets"


def test_minari_loads_counts_and_iterates_every_finished_episode(run: Path, datasets: Path) -> None:
    summary = export_minari(Histories(run), datasets / "made/up-v0", dataset_id="made/up-v0")
    dataset = minari.load_dataset("made/up-v0")
    assert "made/up-v0" in minari.list_local_datasets()
    expected = [
        (entry, number) for entry in Histories(run) for number in np.flatnonzero(entry.open().episodes.is_finished)
    ]
    assert dataset.total_episodes == len(expected) == summary.episodes
    metadata = list(dataset.storage.get_episode_metadata(range(dataset.total_episodes)))
    steps = 0
    for episode, (entry, number), told in zip(dataset.iterate_episodes(), expected, metadata, strict=True):
        with entry.open() as stream:
            episodes, stored = stream.episodes, stream.metadata.environment.stored_name
            first, length = int(episodes.first_row[number]), int(episodes.length[number])
            final = stream.final_observations[int(episodes.is_finished[:number].sum())]
            seen = np.concatenate([stream.rows(stored, first, first + length), final[None]])
            assert np.array_equal(episode.observations, seen) and episode.observations.dtype == seen.dtype
            for name in ("actions", "rewards", "terminations", "truncations"):
                assert np.array_equal(getattr(episode, name), stream.rows(name, first, first + length)), name
            assert (told["task"], told["lifetime"], told["actor"]) == (entry.task, entry.lifetime, entry.actor)
            assert (told["episode"], told["first_row"]) == (episodes.number[number], first)
            assert told["policy_version"] == episodes.policy_version[number] and told["total_steps"] == length
        assert episode.terminations.dtype == np.bool_ and (episode.terminations | episode.truncations)[-1]
        assert all(dataset.observation_space.contains(one) for one in episode.observations)
        assert all(dataset.action_space.contains(one) for one in episode.actions)
        steps += length
    assert dataset.total_steps == steps
    assert repr(next(iter(dataset.sample_episodes(1))))


def test_streams_come_back_from_minari_as_they_went(run: Path, datasets: Path, tmp_path: Path) -> None:
    exported = export_minari(Histories(run), datasets / "up-v0")
    imported = import_minari("up-v0", tmp_path / "again")
    assert_same_streams(run, tmp_path / "again")
    same = ("streams", "transitions", "episodes", "left_out_episodes")
    assert [getattr(exported, name) for name in same] == [getattr(imported, name) for name in same]


def test_paths_may_be_relative(tmp_path: Path, datasets: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    run = random_run(tmp_path / "run", seed)
    monkeypatch.chdir(tmp_path)
    export_minari(Histories("run"), "datasets/made/up-v0", dataset_id="made/up-v0")
    assert minari.load_dataset("made/up-v0").spec.namespace == "made"
    import_minari("datasets/made/up-v0", "again")
    assert_same_streams(run, tmp_path / "again")


def test_long_episodes_are_written_in_pieces(
    tmp_path: Path, datasets: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distillery.exchange.pieces.PIECE_BYTES", 100)
    random_run(tmp_path / "run", seed, rollouts=40)
    export_minari(Histories(tmp_path / "run"), datasets / "up-v0")
    import_minari(datasets / "up-v0", tmp_path / "again")
    assert_same_streams(tmp_path / "run", tmp_path / "again")


def test_a_data_set_that_was_altered_is_not_imported(tmp_path: Path, datasets: Path, seed: int) -> None:
    export_minari(Histories(random_run(tmp_path / "run", seed)), datasets / "up-v0")
    with h5py.File(datasets / "up-v0/data/main_data.hdf5", "a") as file:
        rewards = file["episode_3/rewards"]
        rewards[0] = rewards[0] + 1
    with pytest.raises(ExchangeError, match="the checksum does not hold"):
        import_minari("up-v0", tmp_path / "again")
    assert not (tmp_path / "again").exists() and not list(tmp_path.glob(".again*"))


@pytest.mark.parametrize("name", ["attributes", "rollouts", "episodes", "aside", "aside/rewards"])
def test_something_else_in_the_place_of_what_we_keep_is_said(
    tmp_path: Path, datasets: Path, seed: int, name: str
) -> None:
    export_minari(Histories(random_run(tmp_path / "run", seed, streams=1)), datasets / "up-v0")
    for number, other in enumerate([None, 3, b"{}", np.full((2, 2), 1 << 40)]):
        with h5py.File(datasets / "up-v0/data/distillery.hdf5", "a") as file:
            if name in file["stream_0"]:
                del file["stream_0"][name]
            if other is not None:
                file["stream_0"][name] = other
        with pytest.raises(HistoriesError, match="stream_0|actor-0000"):
            import_minari("up-v0", tmp_path / f"again{number}")
        assert not (tmp_path / f"again{number}").exists()


@pytest.mark.parametrize("name", ["up", "up-v", "a b-v0"])
def test_an_id_that_minari_would_not_take_is_refused(tmp_path: Path, seed: int, name: str) -> None:
    histories = Histories(random_run(tmp_path / "run", seed))
    with pytest.raises(ExchangeError, match="expected one such as dark-room/a3c-v0"):
        export_minari(histories, tmp_path / name)
    with pytest.raises(ExchangeError, match="whose path ends with other-v0"):
        export_minari(histories, tmp_path / "up-v0", dataset_id="other-v0")


# MARK: Data sets of others


def buffers(observations: list[np.ndarray], *, last: str = "terminations") -> list[EpisodeBuffer]:
    made = []
    for seen in observations:
        steps = len(seen) - 1
        flags = {"terminations": [False] * steps, "truncations": [False] * steps}
        if last:
            flags[last][-1] = True
        made.append(EpisodeBuffer(observations=seen, actions=np.arange(steps) % 3, rewards=np.arange(steps) / 4, **flags))
    return made


def other(space: gymnasium.Space, episodes: list[EpisodeBuffer], **more: str) -> MinariDataset:
    return minari.create_dataset_from_buffers(
        "other/set-v1", episodes, observation_space=space, action_space=gymnasium.spaces.Discrete(3), author="Somebody",
        algorithm_name="PPO", author_email="a@b.c", code_permalink="https://example.org", description="made up", **more,
    )  # fmt: skip


def test_anothers_episodes_become_one_stream(tmp_path: Path, datasets: Path) -> None:
    seen = [np.random.default_rng(length).random((length + 1, 2), dtype=np.float32) for length in (3, 700, 1500, 1)]
    other(gymnasium.spaces.Box(0, 1, (2,), np.float32), buffers(seen))
    summary = import_minari("other/set-v1", tmp_path / "run")
    (entry,) = Histories(tmp_path / "run")
    verify(entry.path)
    with entry.open() as stream:
        assert (stream.metadata.task, stream.metadata.source_algorithm, stream.metadata.is_sealed) == (0, "PPO", True)
        assert np.array_equal(stream.observations, np.concatenate([one[:-1] for one in seen]))
        assert np.array_equal(stream.final_observations, np.stack([one[-1] for one in seen]))
        assert stream.episodes.length.tolist() == [3, 700, 1500, 1] and stream.episodes.number.tolist() == [0, 1, 2, 3]
        assert stream.episodes.is_finished.all() and stream.terminations.sum() == 4
        assert stream.actions.dtype == np.uint8 and len(stream.rollouts) > 1
        assert (summary.transitions, summary.episodes) == (stream.row_count, 4)


def test_a_data_set_without_what_we_keep_beside_it_is_anothers(tmp_path: Path, datasets: Path, seed: int) -> None:
    export_minari(Histories(random_run(tmp_path / "run", seed, streams=1)), datasets / "up-v0")
    (datasets / "up-v0/data/distillery.hdf5").unlink()
    names = EnvironmentNames("dark-room", '{"horizon":20,"size":9}', 20)
    summary = import_minari("up-v0", tmp_path / "again", environment=names)
    (entry,) = Histories(tmp_path / "again")
    verify(entry.path)
    assert (entry.metadata.environment.name, entry.metadata.environment.horizon) == ("dark-room", 20)
    assert summary.episodes == minari.load_dataset("up-v0").total_episodes


def test_an_episode_without_a_flag_is_truncated_at_its_end(tmp_path: Path, datasets: Path) -> None:
    other(gymnasium.spaces.Discrete(9), buffers([np.arange(5), np.arange(3)], last=""))
    import_minari("other/set-v1", tmp_path / "run")
    with Histories(tmp_path / "run")[0].open() as stream:
        assert stream.truncations.tolist() == [0, 0, 0, 1, 0, 1] and not stream.terminations.any()
        assert stream.final_observations.tolist() == [4, 2]


def test_numbers_that_would_change_are_refused_or_rounded_when_asked(tmp_path: Path, datasets: Path) -> None:
    other(gymnasium.spaces.Box(0, 1, (1,), np.float64), buffers([np.array([[0.1], [0.5], [0.25]])]))
    with pytest.raises(ExchangeError, match="does not fit float32 without a change; --round"):
        import_minari("other/set-v1", tmp_path / "run")
    import_minari("other/set-v1", tmp_path / "run", rounds=True)
    with Histories(tmp_path / "run")[0].open() as stream:
        assert stream.observations.tolist() == [[np.float32(0.1)], [0.5]]


def test_an_entry_of_a_dictionary_is_taken_by_its_name(tmp_path: Path, datasets: Path) -> None:
    one = gymnasium.spaces.Discrete(9)
    episodes = [dataclasses.replace(episode, observations={"seen": episode.observations, "goal": episode.observations})
                for episode in buffers([np.arange(4)])]  # fmt: skip
    other(gymnasium.spaces.Dict({"seen": one, "goal": one}), episodes)
    with pytest.raises(ExchangeError, match="for one entry of a Dict give --key NAME"):
        import_minari("other/set-v1", tmp_path / "run")
    with pytest.raises(ExchangeError, match="no entry 'position', it has: "):
        import_minari("other/set-v1", tmp_path / "run", key="position")
    import_minari("other/set-v1", tmp_path / "run", key="seen")
    with Histories(tmp_path / "run")[0].open() as stream:
        assert stream.observations.tolist() == [0, 1, 2]


def test_elements_outside_of_their_space_are_refused(tmp_path: Path, datasets: Path) -> None:
    other(gymnasium.spaces.Discrete(3), buffers([np.arange(6)]))
    with pytest.raises(ExchangeError, match=r"episode 0: observations: element 3 is outside of Discrete\(3\)"):
        import_minari("other/set-v1", tmp_path / "run")


def test_what_is_no_data_set_is_refused(tmp_path: Path, datasets: Path) -> None:
    (tmp_path / "empty-v0/data").mkdir(parents=True)
    for source in ("nothing-v0", str(tmp_path / "empty-v0")):
        with pytest.raises(ExchangeError, match="Minari cannot load it"):
            import_minari(source, tmp_path / "run")
