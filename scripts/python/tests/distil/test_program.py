"""The trainer beside the Swift program: the same steps, the same checkpoints, the same logits."""

import json
import os
import shutil
import subprocess

import h5py
import numpy as np
import pytest
import torch

from distillery import checkpoints, distil
from distillery.models import predict
from distillery.prepared import PROGRAM_VARIABLE

PATIENCE_SECONDS = 900
PROGRAM = os.environ.get(PROGRAM_VARIABLE) or shutil.which("distillery")

pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason=f"needs the program: on the PATH or in {PROGRAM_VARIABLE}")

EXPERIMENT = """
name: small
environment: {size: 5, horizon: 10}
tasks: {test: 2, train: 3}
source: {learning_rate: 0.003, hidden: [32, 32], rollout_length: 10}
collect:
  actors: 3
  end: {episodes_per_actor: 60}
cluster: {learners: 1, actor_processes: 1, evaluators: 1}
distil:
  model: {MODEL}
  windows: {every_episodes: 3}
  training: {batch_size: 16, steps: 20, warmup_steps: 5, peak_learning_rate: 0.003, checkpoint_every: 10}
evaluate: {episodes: 2, seeds: 1, train_tasks: 1}
"""
TRANSFORMER = (
    "{token_layout: LAYOUT, context_length: 20, dimension: 16, layers: 2, heads: 2, feed_forward: 32, "
    "embedding_dropout: 0, attention_dropout: 0, residual_dropout: 0}")
MODELS = {
    "merged": TRANSFORMER.replace("LAYOUT", "merged"), "separate": TRANSFORMER.replace("LAYOUT", "separate"),
    "lstm": "{name: lstm, context_length: 20, embedding: 8, units: 16, layers: 2, mlp_depth: 1, mlp_width: 12}",
}


def program(*arguments):
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        timeout=PATIENCE_SECONDS)
    assert done.returncode == 0, f"{arguments}: {done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module", params=MODELS)
def experiment(request, tmp_path_factory):
    path = tmp_path_factory.mktemp(request.param) / "small.yaml"
    path.write_text(EXPERIMENT.replace("{MODEL}", MODELS[request.param]))
    return path


@pytest.fixture(scope="module")
def histories(tmp_path_factory):
    """Collected once: the model is nothing to the streams."""
    folder = tmp_path_factory.mktemp("histories")
    (folder / "small.yaml").write_text(EXPERIMENT.replace("{MODEL}", MODELS["merged"]))
    program("launch", folder / "small.yaml", "--out", folder / "run")
    return folder / "run" / "histories"


@pytest.fixture(scope="module")
def theirs(experiment, histories):
    """What the program has made of the experiment: its folder of checkpoints, with the steps beside it."""
    out = experiment.parent / "theirs"
    program("distill", experiment, "--histories", histories, "--out", out, "--log", out.with_suffix(".jsonl"))
    return out


@pytest.fixture(scope="module")
def ours(experiment, histories):
    out = experiment.parent / "ours"
    assert distil.main(arguments(experiment, histories, out)) == 0
    return out


def arguments(experiment, histories, out, *more):
    return [
        str(experiment), "--histories", str(histories), "--out", str(out), "--log", str(out.with_suffix(".jsonl")),
        "--device", "cpu", *more]


def steps(out):
    return [json.loads(line) for line in out.with_suffix(".jsonl").read_text().splitlines()]


def tensors(folder):
    return checkpoints.tensors_of(checkpoints.load(folder))


def test_twenty_steps_are_those_of_the_program(theirs, ours):
    found, expected = steps(ours), steps(theirs)
    assert len(found) == len(expected) == 20
    assert found[0]["loss"] == pytest.approx(expected[0]["loss"], abs=1e-5)
    assert found[0]["gradient_norm"] == pytest.approx(expected[0]["gradient_norm"], abs=1e-5)
    for one, other in zip(found, expected):
        assert one["learning_rate"] == pytest.approx(other["learning_rate"], rel=1e-12)
        assert one["loss"] == pytest.approx(other["loss"], abs=1e-4), one["step"]


def test_the_first_gradients_are_those_of_the_program(experiment, histories):
    """After one step the first moment is (1 - beta1) times the gradient, clipped."""
    one, other = experiment.parent / "one", experiment.parent / "other"
    more = ["--set", "distil.training.steps=1", "--set", "distil.training.warmup_steps=0"]
    assert distil.main(arguments(experiment, histories, one, *more)) == 0
    program("distill", experiment, "--histories", histories, "--out", other, *more)
    model = checkpoints.load(one / "step-00000001")
    found, expected = (checkpoints.read_optimizer(model, out / "step-00000001") for out in (one, other))
    for name, gradient in expected.first.items():
        torch.testing.assert_close(
            found.first[name] * 10, gradient * 10, atol=1e-5, rtol=1e-5, msg=lambda text, name=name: f"{name}: {text}")


def test_a_checkpoint_says_what_the_programs_says(theirs, ours):
    one, other = (json.loads((out / "step-00000020" / "config.json").read_text()) for out in (ours, theirs))
    assert one.pop("seconds") > 0 and other.pop("seconds") > 0
    assert one == other
    for name, value in tensors(theirs / "step-00000020").items():
        # The bias of the keys has no effect on softmax: its gradient is rounding, which Adam makes as large as any.
        if not name.endswith("in_proj.bias"):
            found = tensors(ours / "step-00000020")[name]
            torch.testing.assert_close(found, value, atol=1e-4, rtol=1e-3, msg=lambda text, name=name: f"{name}: {text}")


def test_the_program_goes_on_from_ours_and_we_from_its(experiment, histories, theirs, ours):
    more = ["--resume", "--set", "distil.training.steps=30"]
    one, other = experiment.parent / "program-on-ours", experiment.parent / "ours-on-program"
    shutil.copytree(ours / "step-00000020", one / "step-00000020")
    shutil.copytree(theirs / "step-00000020", other / "step-00000020")
    program("distill", experiment, "--histories", histories, "--out", one, "--log", one.with_suffix(".jsonl"), *more)
    assert distil.main(arguments(experiment, histories, other, *more)) == 0
    assert [step["step"] for step in steps(one)] == [step["step"] for step in steps(other)] == list(range(21, 31))
    for step, expected in zip(steps(other), steps(one)):
        assert step["loss"] == pytest.approx(expected["loss"], abs=2e-4), step["step"]


def test_logits_along_a_stream_are_those_of_the_program(histories, ours, tmp_path):
    stream = sorted(histories.rglob("*.h5"))[0]
    program("predict", ours / "step-00000020", "--stream", stream, "--out", tmp_path / "logits.h5")
    with h5py.File(tmp_path / "logits.h5") as file:
        expected = torch.tensor(file["logits"][:])
    with h5py.File(stream) as file:
        rows = slice(0, 60)
        observations = torch.tensor(file["observations"][rows].astype(np.int64)).reshape(60, -1)
        columns = torch.tensor(file["actions"][rows].astype(np.int64)), torch.tensor(file["rewards"][rows])
    found = predict(checkpoints.load(ours / "step-00000020"), observations, *columns)
    torch.testing.assert_close(found, expected[:60], atol=1e-5, rtol=0)


def test_ours_can_be_evaluated(ours):
    found = json.loads(program("evaluate", ours, "--episodes", 2, "--seeds", 1, "--json"))
    assert found


def test_a_setting_that_may_not_change_is_refused(experiment, histories, ours, capfd):
    more = ["--resume", "--set", "distil.training.peak_learning_rate=0.5"]
    assert distil.main(arguments(experiment, histories, ours, *more)) == 1
    assert "distil.training.peak_learning_rate: 0.003 before, 0.5 now" in capfd.readouterr().err


def test_an_experiment_that_cannot_be_is_refused_in_the_programs_words(experiment, histories, tmp_path, capfd):
    assert distil.main(arguments(experiment, histories, tmp_path / "out", "--set", "distil.training.stepz=3")) == 1
    assert "stepz" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()
