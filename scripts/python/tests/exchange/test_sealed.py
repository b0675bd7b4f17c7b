"""Stream files written in Python, beside those that Distillery wrote."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from distillery.exchange import ExchangeError, export_minari, export_xland, import_minari, import_xland
from distillery.exchange.attributes import Attributes, attributes_of
from distillery.exchange.sealed import CHECKSUM_NAME, SealedStream, checksum_of, made_attributes, verify
from distillery.histories import Environment, Histories, Space, Stream

from .made import random_run

GOLDEN = Path(__file__).parents[1] / "golden"
"""Streams that Distillery wrote, with its checksums."""

ENTRIES = [
    entry for kind in ("integers", "states") for entry in Histories(GOLDEN / kind) if entry.open().metadata.is_sealed
]


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_checksums_are_those_that_distillery_writes(entry) -> None:  # type: ignore[no-untyped-def]
    verify(entry.path)
    with entry.open() as stream:
        attributes = attributes_of(stream)
    recorded = attributes.pop(CHECKSUM_NAME)
    assert checksum_of(attributes) == recorded


@pytest.mark.parametrize("kind", ["integers", "states"])
def test_streams_of_distillery_come_back_with_attributes_of_the_same_types(kind: str, tmp_path: Path) -> None:
    sealed = Histories(GOLDEN / kind).filter(where=lambda entry: entry.metadata.is_sealed)
    export_minari(sealed, tmp_path / "out-v0")
    import_minari(tmp_path / "out-v0", tmp_path / "minari")
    export_xland(sealed, tmp_path / "out.hdf5")
    import_xland(tmp_path / "out.hdf5", tmp_path / "xland")
    for entry in sealed:
        for back in ("minari", "xland"):
            with h5py.File(entry.path) as one, h5py.File(tmp_path / back / "histories" / entry.name) as two:
                assert sorted(one.attrs) == sorted(two.attrs)
                for name in one.attrs:
                    assert one.attrs.get_id(name).get_type() == two.attrs.get_id(name).get_type(), name
                    assert one.attrs[name] == two.attrs[name], name
                for name in one:
                    assert one[name].dtype == two[name].dtype and one[name][()].tobytes() == two[name][()].tobytes()
                    assert (one[name].chunks, one[name].compression) == (two[name].chunks, two[name].compression), name


def attributes(environment: Environment, **more: str | int) -> Attributes:
    return made_attributes(
        environment,
        task_id=0,
        task_json="{}",
        repetition=0,
        source_algorithm="made",
        source_json="{}",
        actor=0,
        **more,
    )


@pytest.fixture
def environment() -> Environment:
    seen = Space("box", (3,), np.dtype(np.float32))
    return Environment("made-up", "{}", 0, seen, Space.parse('{"type":"discrete","n":4}'), "observations", seen)


def test_a_stream_longer_than_a_chunk_is_what_was_appended(tmp_path: Path, environment: Environment, seed: int) -> None:
    random = np.random.default_rng(seed)
    kept = []
    with SealedStream(tmp_path / "actor-0000.h5", environment, attributes(environment)) as stream:
        for number in range(90):
            length = int(random.integers(1, 2000))
            rows = {
                "observations": random.normal(size=(length, 3)).astype(np.float32),
                "actions": random.integers(0, 4, length).astype(np.uint8),
                "rewards": random.normal(size=length).astype(np.float32),
                "terminations": np.zeros(length, np.uint8),
                "truncations": np.zeros(length, np.uint8),
            }
            rows["truncations"][-1] = 1
            stream.append_rollout(rows, rows["observations"][-1:], first_episode=number)
            kept.append(rows)
        stream.seal()
    with Stream(tmp_path / "actor-0000.h5") as found:
        for name in kept[0]:
            assert np.array_equal(found.rows(name), np.concatenate([rows[name] for rows in kept]))
        assert len(found.episodes) == len(found.rollouts) == 90 and found.metadata.is_sealed


def test_rows_of_another_type_or_byte_order_are_refused(tmp_path: Path, environment: Environment) -> None:
    with SealedStream(tmp_path / "actor-0000.h5", environment, attributes(environment)) as stream:
        for wrong in (np.zeros(3, ">f4"), np.zeros(3, np.float64), np.zeros((3, 1), np.float32)):
            with pytest.raises(ExchangeError, match=r"rewards should be float32 of shape \(N, \), found"):
                stream.append("rewards", wrong)


def test_attributes_that_do_not_fit_are_refused(tmp_path: Path, environment: Environment) -> None:
    for number, (more, says) in enumerate(
        [({"seed": 1 << 64}, "64 bits"), ({"split": "x" * 60_001}, "at most 60000 fit")]
    ):
        with pytest.raises(ExchangeError, match=says):
            SealedStream(tmp_path / f"actor-{number:04}.h5", environment, attributes(environment, **more))


@pytest.mark.parametrize("column", ["observations", "rewards", "final_observations"])
def test_a_changed_byte_does_not_hold(tmp_path: Path, seed: int, column: str) -> None:
    run = random_run(tmp_path, seed, kind="grid", streams=1, rollouts=30)
    path = run / "histories/task-00000/lifetime-000/actor-0000.h5"
    verify(path)
    with h5py.File(path, "a") as file:
        if column == "rewards":
            file[column][5] = file[column][5] + 1
        else:
            file[column][0] = 255 - file[column][0]
    with pytest.raises(ExchangeError, match="the checksum does not hold"):
        verify(path)
