"""Streams and folders of them: listing, filters, growing streams, episodes, damage."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from distillery.histories import Histories, HistoriesError, Stream, StreamError, StreamPlace
from distillery.histories.opening import _bound_attempts
from distillery.histories.rollouts import FIRST_STEP, LENGTH, SEQUENCE, WALL_CLOCK
from distillery.histories.spaces import Space

from .made import MadeStream, made_run


def test_a_stream_gives_its_arrays_attributes_and_episodes(stream: MadeStream) -> None:
    stream.seal()
    with Stream(stream.path) as found:
        assert found.metadata.is_sealed and found.row_count == 9
        assert found.metadata.task == 42 and found.metadata.lifetime == 1 and found.metadata.actor == 7
        assert found.metadata.task_json == '{"name":"Größe"}'
        assert found.attributes["schema_version"] == 1
        assert found.observations[:, 0].tolist() == [0, 0, 0, 0, 1, 1, 2, 2, 2]
        assert found.rewards.dtype == np.float32 and found.actions.dtype == np.uint8
        assert found.rows("rewards", 2, 4).tolist() == found.rewards[2:4].tolist()
        episodes = found.episodes
        assert episodes.number.tolist() == [0, 1, 2] and episodes.first_row.tolist() == [0, 4, 6]
        assert episodes.length.tolist() == [4, 2, 3] and episodes.policy_version.tolist() == [0, 0, 1]
        assert episodes.end.tolist() == [1, 1, 3] and episodes.is_finished.tolist() == [True, True, False]
        assert episodes.returns.tolist() == [found.rewards[:4].sum(), found.rewards[4:6].sum()]
        assert len(found.final_observations) == 2
        with pytest.raises(StreamError, match="rows 3 to 10 were asked for, there are 9"):
            found.rows("rewards", 3, 10)
        with pytest.raises(StreamError, match="no column 'reward' of transitions, expected one of"):
            found.rows("reward")


def test_some_of_the_final_observations_are_read_alone(stream: MadeStream) -> None:
    with Stream(stream.path) as found:
        assert len(found.final_observations) == 2
        assert np.array_equal(found.final_rows(1, 2), found.final_observations[1:])
        with pytest.raises(StreamError, match="dataset final_observations has 2 rows, expected 3"):
            found.final_rows(1, 3)


def test_a_change_of_incarnation_cuts_an_episode(stream: MadeStream) -> None:
    stream.die()
    stream.rollout([2, 2], ends=True)
    stream.die(in_episode=False)
    stream.rollout([3], ends=True)
    stream.seal()
    with Stream(stream.path) as found:
        assert found.episodes.first_row.tolist() == [0, 4, 6, 9, 11, 13]
        assert found.episodes.end.tolist() == [1, 1, 2, 1, 0, 1]
        assert found.episodes.number.tolist() == [0, 1, 2, 3, 4, 5]
        assert len(found.episodes.returns) == 5 and len(found.final_observations) == 5


RECORDER = """
import sys
from pathlib import Path
from histories.made import MadeStream
stream = MadeStream(Path(sys.argv[1]))
stream.rollout([4, 2, 3])
stream.grow()
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
stream.file.close()
"""


def test_a_growing_stream_is_followed_and_its_recorder_not_disturbed(tmp_path: Path) -> None:
    """The recorder is another process: HDF5 shares what one process has open."""
    path = tmp_path / "task-00042/lifetime-001/actor-0007.h5"
    recorder = subprocess.Popen(
        [sys.executable, "-c", RECORDER, path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert recorder.stdin and recorder.stdout

    def tell(line: str) -> None:
        assert recorder.stdin and recorder.stdout
        recorder.stdin.write(line + "\n")
        recorder.stdin.flush()
        assert recorder.stdout.readline() == "done\n"

    tell("pass")
    with Stream(path) as found:
        assert not found.metadata.is_sealed and found.row_count == 9
        assert found.episodes.end.tolist() == [1, 0, 3]
        for count in range(1, 4):
            tell("stream.rollout([150, 2], goes_on=True)")
            assert found.row_count == 9 + 152 * (count - 1)
            found.refresh()
            assert found.row_count == len(found.rewards) == 9 + 152 * count and len(found.episodes) == 3 + count
        # What no rollout covers yet is not there.
        tell("stream.append('actions', [0, 0, 0]); stream.file.flush()")
        found.refresh()
        assert found.row_count == len(found.actions) == 465
    recorder.stdin.close()
    assert recorder.wait(timeout=60) == 0
    # A recorder can take it up again.
    h5py.File(path, "r+", libver="latest").close()


def test_streams_are_listed_and_filtered_by_name_without_a_look_into_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_run(tmp_path, 1)
    opened: list[Path] = []
    monkeypatch.setattr("distillery.histories.folder.Stream", lambda path: opened.append(path))
    histories = Histories(tmp_path)
    assert len(histories) == 9
    assert [entry.name for entry in histories][:3] == [
        "task-00000/lifetime-000/actor-0000.h5",
        "task-00000/lifetime-000/actor-0001.h5",
        "task-00000/lifetime-001/actor-0000.h5",
    ]
    assert len(histories.filter(task=0)) == 4 and len(histories.filter(task=[1, 2], actor=0)) == 3
    assert len(histories.filter(task=range(2)).filter(lifetime={1})) == 4
    assert len(histories.filter(where=lambda entry: entry.actor == 1)) == 4
    assert histories["task-00001/lifetime-001/actor-0001.h5"].place == StreamPlace(1, 1, 1)
    assert not opened
    for path in (tmp_path / "histories", tmp_path / "histories/task-00000"):
        assert Histories(path)[0].name == "task-00000/lifetime-000/actor-0000.h5"
    assert len(Histories(histories[3].path)) == 1
    with pytest.raises(HistoriesError, match="has no stream 'x' among 9"):
        histories["x"]


def test_split_and_sealing_are_known_by_the_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_run(tmp_path, 1)
    with sqlite3.connect(tmp_path / "catalog.sqlite") as catalog:
        catalog.execute("CREATE TABLE streams (path TEXT, rows INTEGER, sealed INTEGER)")
        catalog.execute("CREATE TABLE tasks (id INTEGER, split TEXT, optimal_return REAL)")
        catalog.executemany("INSERT INTO tasks VALUES (?, ?, ?)", [(0, "train", 3.5), (1, "test", None), (2, "train", 1)])
        for entry in Histories(tmp_path):
            catalog.execute("INSERT INTO streams VALUES (?, ?, 1)", [f"histories/{entry.name}", 17])
    catalog.close()
    opened: list[Path] = []
    monkeypatch.setattr("distillery.histories.folder.Stream", lambda path: opened.append(path))
    histories = Histories(tmp_path)
    assert len(histories.filter(split="train", sealed=True)) == 5 and len(histories.filter(split="test")) == 4
    row = histories[0].row
    assert row is not None and row.rows == 17 and histories.optimal_returns == {0: 3.5, 2: 1.0}
    assert len(Histories(tmp_path / "histories/task-00001").filter(split="test")) == 4
    assert not opened
    with pytest.raises(HistoriesError, match="split is 'dev'"):
        histories.filter(split="dev")  # type: ignore[arg-type]


def test_without_a_catalogue_the_files_are_asked(tmp_path: Path) -> None:
    made_run(tmp_path, 1, streams=2)
    growing = MadeStream(tmp_path / "histories/task-00007/lifetime-000/actor-0000.h5", split="test")
    growing.rollout([2])
    growing.grow()
    (tmp_path / "catalog.sqlite").write_bytes(b"no database")
    histories = Histories(tmp_path)
    assert len(histories.filter(sealed=True)) == 2 and len(histories.filter(split="test", sealed=False)) == 1
    chosen = histories.filter(task=7)
    new = MadeStream(tmp_path / "histories/task-00007/lifetime-000/actor-0001.h5")
    new.seal()
    chosen.refresh()
    assert len(chosen) == 2 and len(histories) == 3
    growing.file.close()


def test_marks_and_what_was_moved_aside_are_no_streams(tmp_path: Path) -> None:
    made_run(tmp_path, 1, streams=3)
    folder = tmp_path / "histories/task-00000/lifetime-000"
    (folder / "actor-0001.h5.quarantine").write_text("{}")
    (folder / "actor-0005.h5.damaged-2").write_text("")
    (folder / "actor-0000.h5.discarded-1").write_text("")
    (folder / ".actor-0009.h5").write_text("")
    os.symlink(tmp_path / "nowhere", tmp_path / "histories/task-00000/lifetime-009")
    histories = Histories(tmp_path)
    assert len(histories) == 2
    assert [Path(path).name for path in histories.quarantined] == ["actor-0001.h5", "actor-0005.h5"]
    with pytest.raises(HistoriesError, match="lie with a recorder elsewhere"):
        histories.windows(length=3, seed=0)


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(HistoriesError, match="/nowhere: there is no such file or folder"):
        Histories("/nowhere")
    with pytest.raises(StreamError, match="/nowhere/a.h5: it cannot be opened: No such file"):
        Stream("/nowhere/a.h5")


@pytest.mark.parametrize("name", ["rewards", "rollouts", "observations"])
def test_a_missing_or_wrong_dataset_is_said(name: str, stream: MadeStream) -> None:
    del stream.file[name]
    stream.file.close()
    with pytest.raises(StreamError, match=f"dataset {name} is missing"):
        Stream(stream.path)
    with h5py.File(stream.path, "r+") as file:
        file[name] = np.zeros((3, 7), np.int16)
    with pytest.raises(StreamError, match=f"dataset {name} should be .*int16"):
        Stream(stream.path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("schema_version", 2, "schema_version is 2, this package reads 1"),
        ("split", np.bytes_(b"dev"), "split should be train or test, found 'dev'"),
        ("task_id", -1, "task_id should be a whole number from 0"),
        ("task_json", np.bytes_(b"\xff"), "task_json is not UTF-8"),
        ("action_space", np.bytes_(b'{"type":"discrete","n":0}'), "action_space: expected a space such as"),
        ("environment", 3, "environment should be a text"),
    ],
)
def test_a_wrong_attribute_is_said(name: str, value: Any, message: str, stream: MadeStream) -> None:
    stream.file.attrs[name] = value
    stream.file.close()
    with pytest.raises(StreamError, match=message):
        Stream(stream.path)
    with h5py.File(stream.path, "r+") as file:
        del file.attrs[name]
    with pytest.raises(StreamError, match=f"attribute {name} is missing"):
        Stream(stream.path)


# Versions, incarnations, checksums and episodes may be any numbers.
@pytest.mark.parametrize("field", [SEQUENCE, FIRST_STEP, LENGTH, WALL_CLOCK])
def test_a_rollout_that_does_not_continue_the_one_before_is_damage_where_sealed(field: int, stream: MadeStream) -> None:
    stream.rollout([2])
    stream.file["rollouts"][1, field] = np.uint64(0 if field == WALL_CLOCK else 2**63 + 5)
    stream.file.flush()
    with Stream(stream.path) as growing:
        assert growing.row_count == 5
    stream.seal()
    with pytest.raises(StreamError, match="rollout 1 of 3 does not continue the one before"):
        Stream(stream.path)


def test_a_file_cut_anywhere_is_an_error_or_a_shorter_stream(tmp_path: Path, stream: MadeStream) -> None:
    stream.seal()
    whole = stream.path.read_bytes()
    for end in [*range(0, 600, 7), *range(600, len(whole), 997)]:
        path = tmp_path / "cut.h5"
        path.write_bytes(whole[:end])
        with pytest.raises(StreamError, match="cut.h5: "):
            with Stream(path) as found:
                assert len(found.observations) == 9
                raise StreamError(path, "whole enough")


def test_a_damaged_file_that_its_recorder_left_is_an_error_in_bounded_time(tmp_path: Path, stream: MadeStream) -> None:
    """HDF5 would read what does not match its checksum again and again, longer and longer."""
    stream.grow()
    stream.file.flush()
    whole = stream.path.read_bytes()
    assert _bound_attempts() is not None
    found = {True: 0, False: 0}
    for place in range(60, len(whole), 211):
        path = tmp_path / "damaged.h5"
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            with Stream(path) as damaged:
                found[len(damaged.episodes) == 3] += 1
        except StreamError as error:
            assert str(path) in str(error)
            found[False] += 1
    assert found[True] and found[False]
    stream.file.close()


def test_a_value_outside_its_space_is_damage(tmp_path: Path, stream: MadeStream) -> None:
    stream.file["actions"][3] = 6
    stream.seal()
    with pytest.raises(StreamError, match=r"row 3 of actions is outside its space Discrete\(6\)"):
        Histories(tmp_path).windows(length=3, seed=0)


def test_a_dataset_that_claims_more_than_its_file_holds_is_refused(stream: MadeStream) -> None:
    stream.file["rewards"].resize(1 << 40, axis=0)
    stream.file.close()
    with pytest.raises(StreamError, match="dataset rewards claims 1099511627776 rows"):
        Stream(stream.path)


@pytest.mark.parametrize("path", ["task-42/lifetime-000/actor-0007.h5", "task-00042/actor-0007.h5", "actor-0007.h5",
                                  "task-000042/lifetime-000/actor-0007.h5"])  # fmt: skip
def test_another_spelling_is_no_place(path: str) -> None:
    assert StreamPlace.of(path) is None


def test_places_of_histories_and_evaluations() -> None:
    assert StreamPlace.of("runs/x/histories/task-00042/lifetime-000/actor-0007.h5") == StreamPlace(42, 0, 7)
    assert StreamPlace.of("task-123456/lifetime-1000/actor-12345.h5") == StreamPlace(123456, 1000, 12345)
    place = StreamPlace(3, 0, 12, "step-00020000")
    assert place.path == "step-00020000/task-00003/seed-12.h5"
    assert StreamPlace.of(f"runs/x/evaluations/{place.path}") == place


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"type":"discrete","n":300}', "Discrete(300)"),
        ('{"type":"multi_discrete","nvec":[9,9]}', "MultiDiscrete([9 9])"),
        ('{"type":"box","shape":[2],"dtype":"float32","low":-1,"high":1}', "Box(-1, 1, (2,), float32)"),
    ],
)
def test_spaces_are_read(text: str, shown: str) -> None:
    assert str(Space.parse(text)) == shown


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"type":"discrete"}', '{"type":"discrete","n":true}', '{"type":"multi_discrete","nvec":[]}',
     '{"type":"box","shape":[0],"dtype":"uint8"}', '{"type":"box","shape":[65536,65536],"dtype":"uint8"}',
     '{"type":"box","shape":[2],"dtype":"float64"}', '{"type":"graph"}'],
)  # fmt: skip
def test_what_is_no_space_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a space"):
        Space.parse(text)


def test_values_in_their_space() -> None:
    box = Space.parse('{"type":"box","shape":[2],"dtype":"float32","low":-1,"high":1}')
    assert box.first_outside(np.array([[0, 1], [0, -1]], np.float32)) is None
    assert box.first_outside(np.array([[0, 1], [0, np.nan]], np.float32)) == 1
    assert Space.parse('{"type":"discrete","n":300}').first_outside(np.array([0, 299, 300, -1], np.int32)) == 2
