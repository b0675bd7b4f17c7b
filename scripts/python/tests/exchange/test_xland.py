"""XLand-100B's layout: what its loader takes is there, and what is imported is the same.

Its loader (baselines/ad/src/utils/data.py of dunnolab/xland-minigrid-datasets) is not on PyPI; tested are the keys,
attributes, shapes and slices that it reads.
"""

from pathlib import Path

import h5py
import numpy as np
import pytest

from distillery.exchange import EnvironmentNames, ExchangeError, export_xland, import_xland
from distillery.exchange.sealed import verify
from distillery.histories import Histories

from .made import assert_same_streams, random_run


def test_the_layout_has_what_the_loader_reads(run: Path, tmp_path: Path) -> None:
    summary = export_xland(Histories(run), tmp_path / "out.hdf5")
    lengths = {entry.name: entry.open().row_count for entry in Histories(run)}
    shortest = min(lengths.values())
    with h5py.File(tmp_path / "out.hdf5", "r") as file:
        # Every key at the root is a task; histories and length are those of group 0; all have as many.
        assert sorted(file) == ["0", "1", "2"]
        assert {file[task]["rewards"].shape for task in file} == {(1, shortest)}
        for task in file:
            group = file[task]
            assert (group.attrs["env-id"], group.attrs["benchmark-id"]) == ("made-up", "made-up")
            assert group.attrs["ruleset-id"] == int(task) and group.attrs["ruleset-id"].dtype == np.int64
            with Histories(run).filter(task=int(task))[0].open() as stream:
                seen = stream.rows(stream.metadata.environment.stored_name, 0, shortest)
                assert group["states"].shape == (1, *seen.shape) and group["states"].dtype == seen.dtype
                # A history is indexed first, then a window of it.
                assert np.array_equal(group["states"][0][1:4], seen[1:4])
                assert np.array_equal(group["actions"][0], stream.rows("actions", 0, shortest))
                assert np.array_equal(group["rewards"][0], stream.rows("rewards", 0, shortest))
                ended = stream.terminations | stream.truncations
                assert group["dones"].dtype == np.bool_ and np.array_equal(group["dones"][0], ended[:shortest])
    assert (summary.streams, summary.transitions) == (5, sum(lengths.values()))


def test_streams_come_back_from_xland_as_they_went(run: Path, tmp_path: Path) -> None:
    export_xland(Histories(run), tmp_path / "out.hdf5")
    import_xland(tmp_path / "out.hdf5", tmp_path / "again")
    assert_same_streams(run, tmp_path / "again")


@pytest.mark.parametrize("compression", [0, 6])
def test_streams_that_are_too_short_for_a_given_length_are_kept_aside(
    tmp_path: Path, seed: int, compression: int
) -> None:
    run = random_run(tmp_path / "run", seed, kind="grid", streams=8)
    rows = {entry.path: entry.open().row_count for entry in Histories(run)}
    length = min(max(rows[entry.path] for entry in Histories(run).filter(task=task)) for task in range(4))
    export_xland(Histories(run), tmp_path / "out.hdf5", length=length, compression=compression)
    with h5py.File(tmp_path / "out.hdf5") as file:
        assert {file[task]["states"].shape[1] for task in file} == {length}
        assert (file["0/states"].compression == "gzip") == (compression > 0)
    import_xland(tmp_path / "out.hdf5", tmp_path / "again")
    assert_same_streams(run, tmp_path / "again")
    with pytest.raises(ExchangeError, match=r"has no stream of 100000 transitions, its longest has \d+"):
        export_xland(Histories(run), tmp_path / "more.hdf5", length=100_000)


def test_pieces_of_a_stream_are_put_together(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pieces", "xland_import"):
        monkeypatch.setattr(f"distillery.exchange.{module}.PIECE_BYTES", 100)
    run = random_run(tmp_path / "run", seed, rollouts=40)
    export_xland(Histories(run), tmp_path / "out.hdf5")
    import_xland(tmp_path / "out.hdf5", tmp_path / "again")
    assert_same_streams(run, tmp_path / "again")


def test_a_file_that_was_altered_is_not_imported(tmp_path: Path, seed: int) -> None:
    export_xland(Histories(random_run(tmp_path / "run", seed)), tmp_path / "out.hdf5")
    with h5py.File(tmp_path / "out.hdf5", "a") as file:
        file["1/actions"][0, 0] = (file["1/actions"][0, 0] + 1) % 5
    with pytest.raises(ExchangeError, match="rollout 0, rows 0 to .*the checksum does not hold"):
        import_xland(tmp_path / "out.hdf5", tmp_path / "again")
    assert not (tmp_path / "again").exists()


# MARK: Files of others


def xland(path: Path, seed: int, *, tasks: int = 2, histories: int = 3, length: int = 3000) -> None:
    """As the data set's collection writes them: uint8 states (H, T, 5, 5), float16 rewards, bool dones."""
    random = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        for task in range(tasks):
            group = file.create_group(str(task))
            group.attrs.update(
                {"env-id": "XLand-MiniGrid-R1-9x9", "benchmark-id": "trivial-1m", "ruleset-id": 7000 + task}
            )
            dones = random.random((histories, length)) < 0.02
            rewards = np.where(dones & (random.random(dones.shape) < 0.5), 1 - 0.9 * random.random(dones.shape), 0)
            group["states"] = random.integers(0, 168, (histories, length, 5, 5), np.uint8)
            group["actions"] = random.integers(0, 5, (histories, length), np.uint8)
            group["rewards"], group["dones"] = rewards.astype(np.float16), dones
            group["expert_actions"] = random.integers(0, 6, (histories, length), np.uint8)


def test_histories_of_xland_become_streams(tmp_path: Path, seed: int) -> None:
    xland(tmp_path / "theirs.hdf5", seed)
    summary = import_xland(tmp_path / "theirs.hdf5", tmp_path / "run")
    histories = Histories(tmp_path / "run")
    assert (len(histories), summary.transitions) == (6, 18_000)
    assert [(entry.task, entry.lifetime, entry.actor) for entry in histories][2:4] == [(7000, 0, 2), (7001, 0, 0)]
    with h5py.File(tmp_path / "theirs.hdf5") as file:
        for entry in histories:
            verify(entry.path)
            group = file[str(entry.task - 7000)]
            with entry.open() as stream:
                assert np.array_equal(stream.observations, group["states"][entry.actor])
                assert np.array_equal(stream.actions, group["actions"][entry.actor])
                assert stream.metadata.environment.action_space.counts == (6,)
                assert np.array_equal(stream.rewards, group["rewards"][entry.actor])
                dones = group["dones"][entry.actor]
                assert np.array_equal(stream.terminations | stream.truncations, dones)
                assert np.array_equal(stream.terminations, dones & (group["rewards"][entry.actor] > 0))
                assert np.array_equal(stream.final_observations, group["states"][entry.actor][dones])


def test_a_task_of_xland_keeps_its_names(tmp_path: Path, seed: int) -> None:
    xland(tmp_path / "theirs.hdf5", seed, length=50)
    import_xland(tmp_path / "theirs.hdf5", tmp_path / "run")
    export_xland(Histories(tmp_path / "run"), tmp_path / "ours.hdf5")
    with h5py.File(tmp_path / "theirs.hdf5") as theirs, h5py.File(tmp_path / "ours.hdf5") as ours:
        for task in theirs:
            for name in theirs[task].attrs:
                assert theirs[task].attrs[name] == ours[task].attrs[name]
            for name in ("states", "actions", "rewards", "dones"):
                assert np.array_equal(theirs[task][name], ours[task][name])


def test_histories_of_others_name_the_environment_that_is_given(tmp_path: Path, seed: int) -> None:
    xland(tmp_path / "theirs.hdf5", seed, length=50)
    names = EnvironmentNames("external", '{"command":"xland"}', 243)
    import_xland(tmp_path / "theirs.hdf5", tmp_path / "run", environment=names)
    environment = Histories(tmp_path / "run")[0].metadata.environment
    assert (environment.name, environment.json, environment.horizon) == ("external", '{"command":"xland"}', 243)
    with pytest.raises(ExchangeError, match="settings should be a JSON object, found '3'"):
        import_xland(tmp_path / "theirs.hdf5", tmp_path / "other", environment=EnvironmentNames(settings="3"))


@pytest.mark.parametrize(
    ("remove", "says"),
    [("0/dones", "dataset dones is missing"), ("0", "group '0' is missing"), ("1/states", "dataset states is missing")],
)
def test_a_file_that_lacks_something_is_refused(tmp_path: Path, seed: int, remove: str, says: str) -> None:
    xland(tmp_path / "theirs.hdf5", seed, length=50)
    with h5py.File(tmp_path / "theirs.hdf5", "a") as file:
        del file[remove]
    with pytest.raises(ExchangeError, match=says):
        import_xland(tmp_path / "theirs.hdf5", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, seed: int) -> None:
    xland(tmp_path / "theirs.hdf5", seed)
    content = (tmp_path / "theirs.hdf5").read_bytes()
    for part in (len(content) // 2, 100, 0):
        (tmp_path / "cut.hdf5").write_bytes(content[:part])
        with pytest.raises(ExchangeError, match="cannot be opened as an HDF5 file"):
            import_xland(tmp_path / "cut.hdf5", tmp_path / "run")
