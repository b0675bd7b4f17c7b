"""The commands: what they print, how they end, and what they leave behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from distillery.exchange.__main__ import main
from distillery.histories import Histories

from .made import assert_same_streams, random_run

_FORMATS = {"minari": "out-v0", "xland": "out.hdf5", "parquet": "out"}


def arguments(format: str, run: Path, out: Path) -> list[str]:
    return ["export", "--format", format, str(run), "--out", str(out)]


@pytest.mark.parametrize("format", _FORMATS)
def test_an_export_says_what_it_did_and_refuses_to_write_over_it(
    format: str, tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = random_run(tmp_path / "run", seed), tmp_path / "made" / _FORMATS[format]
    assert main([*arguments(format, run, out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["format"], told["streams"]) == (format, 5)
    assert told["transitions"] == sum(entry.open().row_count for entry in Histories(run))
    before = os.stat(out)
    assert main(arguments(format, run, out)) == 1
    assert f"{out}: exists already" in capsys.readouterr().err
    assert os.stat(out) == before and os.listdir(out.parent) == [out.name]


@pytest.mark.parametrize("format", _FORMATS)
def test_a_damaged_stream_ends_an_export_and_leaves_nothing(
    format: str, tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run = random_run(tmp_path / "run", seed)
    path = run / "histories/task-00001/lifetime-000/actor-0001.h5"
    with h5py.File(path, "a") as file:
        file["rollouts"][3, 0] = 99
    assert main(arguments(format, run, tmp_path / "made" / _FORMATS[format])) == 1
    assert f"{path}: rollout 3 of 12 does not continue the one before" in capsys.readouterr().err
    assert os.listdir(tmp_path / "made" if (tmp_path / "made").exists() else tmp_path / "run") in ([], ["histories"])


def test_streams_of_several_environments_are_not_mixed(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run = random_run(tmp_path / "run", seed)
    random_run(tmp_path / "other", seed, kind="grid", streams=1)
    shutil.copytree(tmp_path / "other/histories/task-00000", run / "histories/task-00009")
    (run / "histories/task-00009/lifetime-000/actor-0000.h5").rename(
        run / "histories/task-00009/lifetime-000/actor-0005.h5"
    )
    assert main(arguments("parquet", run, tmp_path / "out")) == 1
    assert "observation_space, action_space, stored_space differ" in capsys.readouterr().err


def test_only_streams_that_were_asked_for_are_exported(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run = random_run(tmp_path / "run", seed)
    for options, count in ((["--split", "test"], 1), (["--task", "0", "--task", "1"], 4)):
        assert main([*arguments("parquet", run, tmp_path / f"out{count}"), *options, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["streams"] == count
    assert main([*arguments("parquet", run, tmp_path / "none"), "--task", "77"]) == 1
    assert "there are no streams" in capsys.readouterr().err
    assert main(arguments("parquet", tmp_path / "nowhere", tmp_path / "none")) == 1
    assert "there is no such file or folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["export"],
        ["export", "--format", "csv", "run", "--out", "x"],
        ["import", "--format", "parquet", "x", "--out", "y"],
        ["export", "--format", "xland", "run", "--out", "x", "--length", "0"],
    ],
)
def test_wrong_usage_ends_with_two(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == 2 and "usage: python -m distillery.exchange" in capsys.readouterr().err


@pytest.mark.parametrize("format", _FORMATS)
def test_an_interrupt_leaves_nothing_behind(
    format: str, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The signal comes while the third stream is read."""
    run, calls = random_run(tmp_path / "run", seed), []

    def interrupted(stream: object) -> int:
        calls.append(stream)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return 1

    module = {"minari": "minari_export", "xland": "xland_export", "parquet": "parquet"}[format]
    monkeypatch.setattr(f"distillery.exchange.{module}.stream_bytes", interrupted)
    (tmp_path / "made").mkdir()
    # Whoever runs the tests in the background of a shell has them ignore the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert main(arguments(format, run, tmp_path / "made" / _FORMATS[format])) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert "interrupted" in capsys.readouterr().err
    assert os.listdir(tmp_path / "made") == []


def test_the_commands_run_as_a_module(tmp_path: Path, seed: int) -> None:
    run = random_run(tmp_path / "run", seed)
    package = Path(__file__).parents[2]

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "distillery.exchange", *words]
        return subprocess.run(line, cwd=package, capture_output=True, text=True, timeout=300)

    done = command(*arguments("xland", run, tmp_path / "out.hdf5"))
    assert done.returncode == 0 and f"{tmp_path / 'out.hdf5'}: 5 streams" in done.stdout
    done = command("import", "--format", "xland", str(tmp_path / "out.hdf5"), "--out", str(tmp_path / "again"))
    assert done.returncode == 0, done.stderr
    assert_same_streams(run, tmp_path / "again")
    assert command("export").returncode == 2


_PROGRAM = os.environ.get("DISTILLERY_PROGRAM") or shutil.which("distillery")


@pytest.mark.skipif(_PROGRAM is None, reason="no program distillery on the PATH or in DISTILLERY_PROGRAM")
def test_distillery_verifies_what_was_imported(tmp_path: Path, seed: int) -> None:
    for kind in ("integers", "pictures", "poses"):
        run = random_run(tmp_path / kind, seed, kind=kind)
        assert main(arguments("xland", run, tmp_path / f"{kind}.hdf5")) == 0
        again = tmp_path / f"again-{kind}"
        assert main(["import", "--format", "xland", str(tmp_path / f"{kind}.hdf5"), "--out", str(again)]) == 0
        line = [str(_PROGRAM), "histories", "verify", str(again)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
