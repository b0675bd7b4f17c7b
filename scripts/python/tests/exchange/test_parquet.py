"""Arrow, DuckDB and Polars read what is exported."""

import json
from pathlib import Path

import duckdb
import numpy as np
import polars
import pyarrow.dataset
import pyarrow.parquet
import pytest

from distillery.exchange import export_parquet
from distillery.histories import Histories
from distillery.histories.episodes import ENDS
from distillery.histories.rollouts import FIELDS

from .made import random_run


def test_arrow_reads_every_value(run: Path, tmp_path: Path) -> None:
    summary = export_parquet(Histories(run), tmp_path / "out")
    data = pyarrow.dataset.dataset(tmp_path / "out/transitions", partitioning="hive")
    assert data.count_rows() == summary.transitions
    for entry in Histories(run):
        wanted = (pyarrow.dataset.field("task") == entry.task) & (pyarrow.dataset.field("actor") == entry.actor)
        table = data.to_table(filter=wanted).sort_by("row").combine_chunks()
        with entry.open() as stream:
            environment = stream.metadata.environment
            name = environment.stored_name.removesuffix("s")
            assert table.num_rows == stream.row_count
            assert np.array_equal(values(table[name], environment.stored_space), stream.rows(environment.stored_name))
            assert np.array_equal(values(table["action"], environment.action_space), stream.actions)
            assert np.array_equal(table["reward"].to_numpy(), stream.rewards)
            assert np.array_equal(table["terminated"].to_numpy(), stream.terminations)
            assert np.array_equal(table["truncated"].to_numpy(), stream.truncations)
            final = table[f"final_{name}"]
            ended = (stream.terminations | stream.truncations) != 0
            assert np.array_equal(final.is_valid().to_numpy(), ended)
            assert np.array_equal(values(final.drop_null(), environment.stored_space), stream.final_observations)
            episodes = stream.episodes
            starts = np.repeat(np.arange(len(episodes)), episodes.length)
            assert np.array_equal(table["episode"].to_numpy(), episodes.number[starts])
            assert np.array_equal(table["step"].to_numpy(), np.arange(stream.row_count) - episodes.first_row[starts])
            assert table["end"].to_pylist() == [ENDS[end] for end in episodes.end[starts]]
            repeated = np.repeat(np.arange(len(stream.rollouts)), stream.rollouts[:, 2].astype(int))
            assert np.array_equal(table["policy_version"].to_numpy(), stream.rollouts[repeated, 3])


def values(column, space):  # type: ignore[no-untyped-def]
    chunk = column.combine_chunks()
    if space.shape == ():
        return chunk.to_numpy()
    if pyarrow.types.is_fixed_size_list(chunk.type):
        return chunk.flatten().to_numpy().reshape(-1, *space.shape)
    return np.frombuffer(b"".join(chunk.to_pylist()), space.dtype).reshape(-1, *space.shape)


def test_duckdb_adds_up_the_returns_of_every_episode(run: Path, tmp_path: Path) -> None:
    export_parquet(Histories(run), tmp_path / "out")
    rows = f"read_parquet('{tmp_path}/out/transitions/*/*.parquet', hive_partitioning = true)"
    columns = 'task, lifetime, actor, episode, "end", count(*), sum(reward::double), min(row)'
    grouped = duckdb.sql(f"select {columns} from {rows} group by all order by all").fetchall()
    expected = []
    for entry in Histories(run):
        with entry.open() as stream:
            e = stream.episodes
            told = zip(e.number, e.end, e.length, e.reward, e.first_row, strict=True)
            for number, end, length, reward, first in told:
                expected.append((entry.task, entry.lifetime, entry.actor, number, ENDS[end], length, reward, first))
    expected.sort()
    assert [row[:6] + row[7:] for row in grouped] == [row[:6] + row[7:] for row in expected]
    assert np.allclose([row[6] for row in grouped], [row[6] for row in expected])


def test_streams_and_rollouts_are_tables_of_their_own(run: Path, tmp_path: Path) -> None:
    export_parquet(Histories(run), tmp_path / "out")
    streams = polars.read_parquet(tmp_path / "out/streams.parquet")
    rollouts = polars.read_parquet(tmp_path / "out/rollouts.parquet")
    for entry, row in zip(Histories(run), streams.iter_rows(named=True), strict=True):
        with entry.open() as stream:
            assert (row["task"], row["actor"], row["rows"]) == (entry.task, entry.actor, stream.row_count)
            assert row["seed"] == (1 << 64) - 1 and json.loads(row["task_json"])["name"] == "Größe"
            assert json.loads(row["attributes"])["task_json"] == row["task_json"]
            assert sum(row[end] for end in ENDS) == len(stream.episodes)
            own = rollouts.filter((polars.col("task") == entry.task) & (polars.col("actor") == entry.actor))
            assert np.array_equal(own.select(FIELDS).to_numpy(), stream.rollouts)


def test_the_schema_says_what_the_environment_is(run: Path, tmp_path: Path) -> None:
    export_parquet(Histories(run), tmp_path / "out")
    schema = pyarrow.parquet.read_schema(tmp_path / "out/transitions/task=2/part-0.parquet")
    about = json.loads(schema.metadata[b"distillery"])
    environment = Histories(run)[0].metadata.environment
    assert (about["environment"], about["stored_name"]) == ("made-up", environment.stored_name)
    assert json.loads(about["task_json"])["goal"] == [2, 1]
    assert str(schema.field("end").type) == "dictionary<values=string, indices=int8, ordered=0>"


def test_short_streams_share_row_groups_and_long_ones_have_several(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = random_run(tmp_path / "run", seed, streams=2)
    export_parquet(Histories(run), tmp_path / "out")
    assert pyarrow.parquet.ParquetFile(tmp_path / "out/transitions/task=0/part-0.parquet").num_row_groups == 1
    monkeypatch.setattr("distillery.exchange.pieces.PIECE_BYTES", 200)
    monkeypatch.setattr("distillery.exchange.parquet._GROUP_ROWS", 10)
    export_parquet(Histories(run), tmp_path / "small")
    assert pyarrow.parquet.ParquetFile(tmp_path / "small/transitions/task=0/part-0.parquet").num_row_groups > 1
    whole, small = (polars.read_parquet(tmp_path / f"{name}/transitions/*/*.parquet") for name in ("out", "small"))
    assert whole.equals(small)
