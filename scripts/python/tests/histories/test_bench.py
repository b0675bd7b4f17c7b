"""The benchmark measures something, whatever it is."""

import json
from pathlib import Path

import pytest

from distillery.histories.bench import main

from .made import made_run


def test_it_tells_windows_a_second_and_the_ratio(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made_run(tmp_path, 1)
    assert main([str(tmp_path), "--length", "5", "--batch", "4", "--rounds", "2", "--seconds", "0.01", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rates = found["windows_per_second"]
    assert rates["ours"] > 0 and rates["h5py"] > 0 and found["ratio"] == rates["ours"] / rates["h5py"]
    assert main([str(tmp_path), "--length", "5", "--rounds", "1", "--seconds", "0.01"]) == 0
    assert "windows a second" in capsys.readouterr().out


def test_what_cannot_be_measured_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made_run(tmp_path, 1)
    assert main([str(tmp_path), "--length", "5000"]) == 1
    assert "no sealed stream has 5000 rows; try a shorter --length" in capsys.readouterr().err
    assert main(["/nowhere"]) == 1
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path), "--batch", "0"])
    assert stop.value.code == 2
