"""`python -m distillery.distil` from its arguments to its checkpoints."""

import json
import re
import shutil
import signal
import time

import pytest
import torch

from distillery import checkpoints, distil
from distillery.durable import training_lock

from .made import LSTM, PATIENCE_SECONDS, WITHOUT_DROPOUT, MODEL, MadeDistillation, finished


@pytest.fixture
def made(tmp_path):
    return MadeDistillation(tmp_path)


def run_here(made, *more, **options):
    """In this process, which saves the start of another."""
    return distil.main(made.command(*more, **options)[3:])


def test_trains_to_the_end_and_says_where_the_checkpoint_is(made, capsys):
    assert run_here(made) == 0
    said = capsys.readouterr()
    assert said.out == f"{made.out / 'step-00000012'}\n"
    assert re.search(r"^[1-9]\d* streams, [1-9]\d* transitions$", said.err, re.MULTILINE) and "loss" in said.err
    assert checkpoints.checkpoints_in(made.out) == [f"step-{step:08}" for step in (0, 5, 10, 12)]
    config = checkpoints.read_config(made.out / "step-00000012")
    assert config["step"] == 12 and config["seconds"] > 0 and config["trained_tasks"] == [0, 1, 2]
    assert config["training"] == made.config["training"]
    assert [step["step"] for step in made.steps] == list(range(1, 13))
    assert made.steps[0]["learning_rate"] == 0.001 and made.steps[3]["learning_rate"] == 0.01
    before, after = made.model(0), made.model(12)
    assert all(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("model", [MODEL, LSTM], ids=["transformer", "lstm"])
def test_resumed_training_is_the_uninterrupted_one(tmp_path, model):
    made = MadeDistillation(tmp_path, model)
    assert run_here(made) == 0
    whole = made.steps
    other = tmp_path / "other"
    shutil.copytree(made.out / "step-00000005", other / "step-00000005")
    made.log.unlink()
    assert run_here(made, "--resume", out=other) == 0
    assert [(step["step"], step["loss"]) for step in made.steps] == [(step["step"], step["loss"]) for step in whole[5:]]
    for name, value in made.model(12).items():
        assert torch.equal(made.model(12, other)[name], value), name


def test_a_finished_training_is_not_trained_again(made, capsys):
    assert run_here(made) == 0
    capsys.readouterr()
    assert run_here(made, "--resume") == 0
    said = capsys.readouterr()
    assert said.out.endswith("step-00000012\n") and "finished already" in said.err
    assert len(made.steps) == 12


def test_goes_on_with_more_steps_but_not_with_another_learning_rate(made, capsys):
    assert run_here(made) == 0
    made.prepare(steps=14, keep_checkpoints=2)
    assert run_here(made, "--resume") == 0
    assert "distil.training.steps: 12 before, 14 now" in capsys.readouterr().err
    assert checkpoints.checkpoints_in(made.out) == ["step-00000012", "step-00000014"]
    made.prepare(steps=16, peak_learning_rate=0.5)
    assert run_here(made, "--resume") == 1
    said = capsys.readouterr().err
    assert "distil.training.peak_learning_rate: 0.01 before, 0.5 now" in said and "may change: " in said


def test_keeps_as_many_checkpoints_as_it_is_told(made, capsys):
    assert run_here(made, "--keep", "2") == 0
    assert checkpoints.checkpoints_in(made.out) == ["step-00000010", "step-00000012"]
    assert checkpoints.read_config(made.out / "step-00000012")["training"] == made.config["training"]
    with pytest.raises(SystemExit):
        run_here(made, "--resume", "--keep", "0")
    assert "--keep 0: expected 1 or more" in capsys.readouterr().err


def test_checkpoints_are_not_trained_over_without_being_told(made, capsys):
    assert run_here(made) == 0
    assert run_here(made) == 1
    assert "(step-00000012): go on from them by --resume" in capsys.readouterr().err


def test_a_limit_of_seconds_ends_training(tmp_path):
    made = MadeDistillation(tmp_path, steps=1_000_000, maximum_seconds=1.0, checkpoint_every=1_000_000)
    assert run_here(made) == 0
    last = made.steps[-1]
    assert checkpoints.checkpoints_in(made.out)[-1] == checkpoints.name_of(last["step"])
    assert last["learning_rate"] < 0.01


def test_ctrl_c_ends_with_a_checkpoint_from_which_it_goes_on(tmp_path):
    made = MadeDistillation(tmp_path, steps=1_000_000, checkpoint_every=1_000_000)
    process = made.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (made.log.exists() and made.steps) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert finished(process).returncode == 130, process.stderr_text
    assert "Traceback" not in process.stderr_text
    last = made.steps[-1]["step"]
    assert process.stdout_text == f"{made.out / checkpoints.name_of(last)}\n"
    made.prepare(steps=last + 2)
    assert run_here(made, "--resume") == 0
    assert made.steps[-1]["step"] == last + 2


def test_two_ranks_are_one(tmp_path):
    alone = MadeDistillation(tmp_path / "alone", MODEL | WITHOUT_DROPOUT)
    assert run_here(alone) == 0
    both = MadeDistillation(tmp_path / "both", MODEL | WITHOUT_DROPOUT)
    for process in both.run_ranks(2):
        assert process.returncode == 0, process.stderr_text
    assert len(both.steps) == len(alone.steps) == 12
    for one, other in zip(alone.steps, both.steps):
        assert other["loss"] == pytest.approx(one["loss"], abs=1e-5), one["step"]
        assert other["gradient_norm"] == pytest.approx(one["gradient_norm"], rel=1e-4)
    for name, value in alone.model(12).items():
        found = both.model(12)[name]
        if name.endswith("in_proj.bias"):
            # The bias of the keys has no effect on softmax: its gradient is rounding, which Adam makes as large as any.
            (value, found) = (torch.cat([tensor[:16], tensor[32:]]) for tensor in (value, found))
        torch.testing.assert_close(found, value, atol=1e-4, rtol=1e-4, msg=lambda text, name=name: f"{name}: {text}")
    # One rank goes on from what two have made.
    both.prepare(steps=13)
    assert run_here(both, "--resume") == 0


def test_ranks_with_other_histories_all_end_and_one_says_why(tmp_path):
    made = MadeDistillation(tmp_path)
    other = tmp_path / "fewer"
    shutil.copytree(made.folder / "histories" / "task-00000", other / "task-00000")
    processes = made.run_ranks(2, folders=[made.folder / "histories", other])
    assert [process.returncode for process in processes] == [1, 1]
    assert re.search(r"rank 1 has another set of histories than rank 0: \d streams, ", processes[0].stderr_text)
    assert "Error" not in processes[1].stderr_text
    assert checkpoints.checkpoints_in(made.out) == ["step-00000000"]


def test_of_two_at_once_the_second_is_refused(made, capsys):
    with training_lock(made.out):
        assert run_here(made) == 1
    assert f"another distill command writes {made.out}: stop it first" in capsys.readouterr().err
    assert run_here(made) == 0, "the lock went with its holder"


def test_streams_of_another_environment_are_refused(made, capsys):
    made.config["action_space"] = {"type": "discrete", "n": 5}
    made.prepare()
    assert run_here(made) == 1
    assert "action_space" in capsys.readouterr().err


def test_no_streams_is_said(made, capsys, tmp_path):
    (tmp_path / "empty").mkdir()
    assert run_here(made, histories=tmp_path / "empty") == 1
    assert str(tmp_path / "empty") in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "[]", "{}", "{\"configuration\": 3}", "nonsense", "[" * 100_000])
def test_an_experiment_that_was_not_prepared_is_refused(made, capsys, text):
    made.experiment.write_text(text)
    assert run_here(made) == 1
    assert "expected what `distillery prepare` prints" in capsys.readouterr().err


def test_without_the_program_an_experiment_cannot_be_resolved(made, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("DISTILLERY_PROGRAM", raising=False)
    made.experiment = made.experiment.with_suffix(".yaml")
    assert run_here(made) == 1
    assert "no program `distillery`" in capsys.readouterr().err
    monkeypatch.setenv("DISTILLERY_PROGRAM", "/bin/false")
    assert run_here(made) == 1
    assert "/bin/false prepare ended with 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["x.json"], ["x.json", "--histories", "h", "--out", "o", "--unknown"],
                  ["x.json", "--histories", "h", "--out", "o", "--set", "distil.training.steps=3"],
                  ["x.json", "--histories", "h", "--out", "o", "--precision", "float16"]])
def test_wrong_usage_is_status_2(arguments):
    with pytest.raises(SystemExit) as ended:
        distil.main(arguments)
    assert ended.value.code == 2


def test_help_has_an_example(capsys):
    with pytest.raises(SystemExit) as ended:
        distil.main(["--help"])
    assert ended.value.code == 0
    assert "Example:\n  python -m distillery.distil " in capsys.readouterr().out


def test_the_log_is_added_to(made):
    made.log.write_text(json.dumps({"step": 0}) + "\n")
    assert run_here(made) == 0
    assert [step["step"] for step in made.steps] == list(range(13))
