"""Checkpoints: what is written is what is read, and what is damaged is refused in words."""

import json
import re
import struct

import pytest
import torch

from distillery import checkpoints, distil
from distillery.checkpoints import CheckpointError

from .made import LSTM, MODEL, MadeDistillation


@pytest.fixture
def made(tmp_path):
    return MadeDistillation(tmp_path, steps=2)


@pytest.mark.parametrize("model", [MODEL, MODEL | {"token_layout": "separate"}, LSTM], ids=["merged", "separate", "lstm"])
def test_what_is_written_is_what_is_read(tmp_path, model):
    made = MadeDistillation(tmp_path, model)
    torch.manual_seed(11)
    model = checkpoints.make_model(made.config)
    tensors = checkpoints.tensors_of(model)
    first = {name: torch.randn_like(value) for name, value in tensors.items()}
    second = {name: torch.rand_like(value) for name, value in tensors.items()}
    folder = tmp_path / "step-00000031"
    checkpoints.write(folder, made.config, tensors, checkpoints.OptimizerState(first, second, 31, 1.5))
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors", "optimizer.safetensors"]
    assert not list(tmp_path.glob(".*"))
    again = checkpoints.load(folder)
    assert not again.training
    assert all(torch.equal(value, tensors[name]) for name, value in checkpoints.tensors_of(again).items())
    state = checkpoints.read_optimizer(again, folder)
    assert (state.steps, state.seconds, state.streams_in_memory) == (31, 1.5, None)
    assert all(torch.equal(state.first[name], first[name]) and torch.equal(state.second[name], second[name]) for name in tensors)
    assert checkpoints.read_config(folder) == made.config


def test_one_of_the_same_step_is_replaced_and_remains_go(tmp_path):
    made = MadeDistillation(tmp_path)
    folder = made.out / "step-00000000"
    partial = made.out / ".step-00000000.partial"
    partial.mkdir()
    (partial / "left").write_text("by a process that died")
    tensors = checkpoints.tensors_of(checkpoints.load(folder))
    other = {name: value + 1 for name, value in tensors.items()}
    checkpoints.write(folder, made.config, other, checkpoints.OptimizerState(other, other, 0, 0.0))
    assert torch.equal(checkpoints.tensors_of(checkpoints.load(folder))["head.bias"], tensors["head.bias"] + 1)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors", "optimizer.safetensors"]
    assert [path.name for path in made.out.iterdir()] == ["step-00000000"]


def test_names_are_those_of_the_program():
    assert checkpoints.name_of(20000) == "step-00020000"
    assert checkpoints.step_of("step-123456789") == 123456789
    assert [checkpoints.step_of(name) for name in ("step-", "step-1x", ".step-1.partial", "step-1.damaged")] == [None] * 4


def rewrite_header(path, change):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def rewrite_config(path, change):
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))


def not_finite(path):
    data = bytearray(path.read_bytes())
    data[-4:] = struct.pack("<f", float("nan"))
    path.write_bytes(bytes(data))


def below_zero(path):
    data = bytearray(path.read_bytes())
    data[-4:] = struct.pack("<f", -1.0)
    path.write_bytes(bytes(data))


DAMAGES = {
    "model cut": ("model.safetensors", lambda path: path.write_bytes(path.read_bytes()[:-1]), "truncated or not"),
    "model empty": ("model.safetensors", lambda path: path.write_bytes(b""), "truncated or not"),
    "header claims much": (
        "model.safetensors", lambda path: path.write_bytes(b"\xff" * 8 + path.read_bytes()[8:]), "truncated or not"),
    "model gone": ("model.safetensors", lambda path: path.unlink(), "no checkpoint to begin with"),
    "not a number": ("model.safetensors", not_finite, "not finite"),
    "a tensor more": (
        "model.safetensors",
        lambda path: rewrite_header(path, lambda header: header.update({"x": {**header["head.bias"]}})), "truncated or not"),
    "another name": (
        "model.safetensors", lambda path: rewrite_header(path, lambda header: header.update(x=header.pop("head.bias"))),
        "tensor x is not part of the model"),
    "another shape": (
        "model.safetensors", lambda path: rewrite_header(path, lambda header: header["head.bias"].update(shape=[2, 3])),
        "tensor head.bias is F32 \\[2, 3\\], expected F32 \\[6\\]"),
    "optimizer gone": ("optimizer.safetensors", lambda path: path.unlink(), "cannot read .*optimizer.safetensors"),
    "optimizer cut": ("optimizer.safetensors", lambda path: path.write_bytes(path.read_bytes()[:500]), "truncated or not"),
    "no steps": (
        "optimizer.safetensors", lambda path: rewrite_header(path, lambda header: header["__metadata__"].pop("step")),
        "does not say how many steps"),
    "many steps": (
        "optimizer.safetensors", lambda path: rewrite_header(path, lambda header: header["__metadata__"].update(step="1e9")),
        "does not say how many steps"),
    "squares below zero": ("optimizer.safetensors", below_zero, "squares below 0"),
    "config cut": ("config.json", lambda path: path.write_text(path.read_text()[:-9]), "not the JSON of a configuration"),
    "config no text": ("config.json", lambda path: path.write_bytes(b"\xff\xfe{"), "not the JSON of a configuration"),
    "config deep": ("config.json", lambda path: path.write_text("[" * 200_000), "not the JSON of a configuration"),
    "config of tomorrow": (
        "config.json", lambda path: rewrite_config(path, lambda config: config.update(version=3)), "version 1 or 2, found 3"),
    "config long": ("config.json", lambda path: path.write_text(" " * (5 << 20)), "more than 4194304 bytes"),
    "another model": (
        "config.json", lambda path: rewrite_config(path, lambda config: config["model"].update(dimension=8)),
        "distil.model.dimension: 8 before, 16 now"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_refused_in_words(made, capsys, damage):
    file, change, message = DAMAGES[damage]
    change(made.out / "step-00000000" / file)
    assert distil.main(made.command()[3:]) == 1
    said = capsys.readouterr()
    assert said.out == "" and "Traceback" not in said.err
    assert re.search(message, said.err), said.err


@pytest.mark.parametrize(
    "changes", [{"dimension": 1 << 40}, {"layers": 10**9}, {"heads": 3}, {"heads": 0}, {"dimension": "wide"}, {"name": "rnn"},
                {"token_layout": None, "dimension": -4}, {"feed_forward": 1 << 50}])
def test_a_configuration_of_no_model_is_refused_before_memory_is_taken(made, changes):
    config = made.config | {"model": made.config["model"] | changes}
    with pytest.raises(CheckpointError, match="does not describe a model that there is"):
        checkpoints.make_model(config)


def test_a_configuration_of_version_1_is_read(made):
    folder = made.out / "step-00000000"

    def to_version_1(config):
        model = config["model"] | {"modelDimension": config["model"]["dimension"]}
        names = {"context_length": "contextLength", "feed_forward": "feedForward", "token_layout": "tokenLayout",
                 "embedding_dropout": "embeddingDropout", "attention_dropout": "attentionDropout",
                 "residual_dropout": "residualDropout"}
        model = {names.get(key, key): value for key, value in model.items() if key != "dimension"}
        environment = {"observationSpace": config["observation_space"], "actionSpace": config["action_space"]}
        config.clear()
        config.update({"version": 1, "format": "distillery-transformer", "model": model, "environment": environment})

    before = checkpoints.tensors_of(checkpoints.load(folder))
    rewrite_config(folder / "config.json", to_version_1)
    assert all(torch.equal(value, before[name]) for name, value in checkpoints.tensors_of(checkpoints.load(folder)).items())
