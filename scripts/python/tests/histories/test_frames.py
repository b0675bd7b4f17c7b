"""Frames of episodes."""

from pathlib import Path

import numpy as np
import pytest

from distillery.histories import Histories, HistoriesError
from distillery.histories.frames import episode_columns

from .made import MadeStream, made_run


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_frame_has_a_row_for_each_episode(kind: str, tmp_path: Path, stream: MadeStream) -> None:
    library = pytest.importorskip(kind)
    stream.seal()
    frame = Histories(tmp_path).episodes(kind)  # type: ignore[arg-type]
    assert isinstance(frame, library.DataFrame) and len(frame) == 3
    assert list(frame["stream"]) == ["task-00042/lifetime-001/actor-0007.h5"] * 3
    assert list(frame["task"]) == [42] * 3 and list(frame["lifetime"]) == [1] * 3 and list(frame["actor"]) == [7] * 3
    assert list(frame["episode"]) == [0, 1, 2] and list(frame["first_row"]) == [0, 4, 6]
    assert list(frame["length"]) == [4, 2, 3] and list(frame["policy_version"]) == [0, 0, 1]
    assert list(frame["end"]) == ["truncated", "truncated", "unfinished"]
    assert list(frame["return"])[:2] == list(frame["reward"])[:2]
    assert frame["return"].mean() == frame["reward"][:2].mean()


def test_no_stream_gives_an_empty_frame_and_another_library_is_refused(tmp_path: Path) -> None:
    columns = episode_columns([])
    assert all(len(column) == 0 for column in columns.values()) and columns["task"].dtype == np.int64
    with pytest.raises(HistoriesError, match="kind is 'dask', expected 'pandas' or 'polars'"):
        Histories(tmp_path).episodes("dask")  # type: ignore[arg-type]


def test_the_frame_of_a_run_has_the_returns_of_its_streams(tmp_path: Path, seed: int) -> None:
    made_run(tmp_path, seed)
    columns = episode_columns(Histories(tmp_path))
    for entry in Histories(tmp_path):
        with entry.open() as stream:
            own = np.array([name == entry.name for name in columns["stream"]])
            returns = columns["return"][own]
            assert returns[~np.isnan(returns)].tolist() == stream.episodes.returns.tolist()
