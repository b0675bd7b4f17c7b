"""The dialogue of proto/environment.proto, with the server in this process."""

from __future__ import annotations

import importlib.metadata
import json
import sys
import types
from typing import Any

import numpy as np
import pytest
from distillery.environment import EnvironmentMaker, Server, making
from distillery.environment import environment_pb2 as wire

FAULTY = "distillery.environment.examples:Faulty"
CART_POLE = "distillery.environment.examples:CartPole"


class Asking:
    """A client of a server, without a socket."""

    def __init__(self, server: Server, identity: bytes = b"one") -> None:
        self.server, self.identity, self.last = server, identity, 0

    def __call__(self, **body: Any) -> wire.Reply:
        self.last += 1
        return self.send(wire.Request(protocol_version=1, id=self.last, **body))

    def send(self, request: wire.Request) -> wire.Reply:
        reply = wire.Reply()
        reply.ParseFromString(self.server.answer(self.identity, request.SerializeToString()))
        assert reply.protocol_version == 1
        return reply

    def reset(self, *indices: int, seed: int = 1, task: str = "{}") -> wire.Reply:
        copies = [wire.Copy(index=index, seed=seed + index) for index in indices]
        return self(reset=wire.Reset(copies=copies, task=task))

    def step(self, *actions: int) -> wire.Reply:
        return self(step=wire.Step(actions=bytes(actions)))


def faulty(fault: str, after: int = 3) -> Asking:
    return Asking(Server(EnvironmentMaker(factory=FAULTY, arguments={"fault": fault, "after": after})))


def test_describes_its_spaces_horizon_and_tasks() -> None:
    description = Asking(Server(EnvironmentMaker(factory=CART_POLE)))(describe=wire.Describe()).description
    assert list(description.observation.box.shape) == [4]
    assert description.observation.box.element == wire.FLOAT32
    assert (description.action.discrete.count, description.horizon, description.tasks) == (2, 200, 24)
    assert "gymnasium" in {setting.name for setting in description.software}
    listed = Asking(Server(EnvironmentMaker(gymnasium_id="FrozenLake-v1")))(describe=wire.Describe()).description
    assert (listed.observation.discrete.count, listed.horizon, listed.tasks) == (16, 100, 0)


def test_packages_of_another_name_than_their_module_are_looked_for_among_the_installed_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def name(module: str) -> str | None:
        distribution = making._distribution(module)
        return distribution.metadata["Name"] if distribution else None

    assert name("zmq") == "pyzmq"
    # To read what all packages have takes as long as the rest of the start.
    monkeypatch.setattr(importlib.metadata, "packages_distributions", lambda: pytest.fail("all packages were read"))
    assert name("gymnasium") == "gymnasium"
    monkeypatch.setitem(sys.modules, "rooms", types.ModuleType("rooms"))
    assert name("rooms") is None


def test_steps_copies_to_the_ends_of_their_episodes() -> None:
    ask = faulty("none")
    first = np.frombuffer(ask.reset(0, 1).observations.observations, "<f4").reshape(2, 2)
    assert (first == 0).all()
    for step in range(20):
        stepped = ask.step(2, 0).transitions
        seen = np.frombuffer(stepped.observations, "<f4").reshape(2, 2)
        assert np.allclose(seen[:, 0], (step + 1) / 20)
        assert np.frombuffer(stepped.rewards, "<f4").tolist() == [1, 0]
        assert stepped.terminations == b"\0\0"
        assert stepped.truncations == (b"\1\1" if step == 19 else b"\0\0")
    refused = ask.step(0, 0).failure
    assert refused.can_go_on and "copy 0" in refused.reason
    assert ask.reset(0).WhichOneof("body") == "observations"
    assert "copy 1" in ask.step(0, 0).failure.reason
    ask.reset(1)
    assert ask.step(0, 0).WhichOneof("body") == "transitions"


def test_a_task_is_its_keyword_arguments_its_number_or_a_seed() -> None:
    ask = Asking(Server(EnvironmentMaker(gymnasium_id="FrozenLake-v1")))
    ask.reset(0, task=json.dumps({"is_slippery": False}))
    assert ask.step(2).transitions.observations == b"\1"
    assert "JSON object" in ask.reset(0, task="[1]").failure.reason
    broken = ask.reset(0, task=json.dumps({"no_such_argument": 1})).failure
    assert not broken.can_go_on and "no_such_argument" in broken.reason

    poles = EnvironmentMaker(factory=CART_POLE)
    assert poles.make({"number": 0}).unwrapped.length == pytest.approx(0.1)  # type: ignore[attr-defined]
    assert poles.make({"number": 23}).unwrapped.length == pytest.approx(2)  # type: ignore[attr-defined]
    assert "24 tasks" in Asking(Server(poles)).reset(0, task='{"number": 24}').failure.reason

    seeded = Asking(Server(EnvironmentMaker(gymnasium_id="CartPole-v1")))
    one = seeded.reset(0, seed=7, task='{"seed": 6}').observations.observations
    assert seeded.reset(0, seed=8, task='{"seed": 6}').observations.observations != one
    assert seeded.reset(0, seed=7, task='{"seed": 6}').observations.observations == one


def test_a_task_of_other_spaces_is_refused() -> None:
    ask = Asking(Server(EnvironmentMaker(gymnasium_id="FrozenLake-v1")))
    failure = ask.reset(0, task=json.dumps({"map_name": "8x8"})).failure
    assert "Discrete(64)" in failure.reason and "Discrete(16)" in failure.reason


@pytest.mark.parametrize("fault", ["raise", "shape", "nan", "reward", "huge", "outside", "reset"])
def test_a_failure_says_what_it_was_and_loses_the_copies(fault: str) -> None:
    ask = faulty(fault)
    reply = ask.reset(0, 1)
    while reply.WhichOneof("body") != "failure":
        reply = ask.step(0, 0)
    assert not reply.failure.can_go_on
    words = {
        "raise": "breaks on purpose",
        "shape": "(5,)",
        "nan": "nan",
        "reward": "the reward of copy 0 is nan",
        "huge": "(50000000,)",
        "outside": "copy 0",
        "reset": "cannot begin",
    }
    assert words[fault] in reply.failure.reason
    assert len(reply.SerializeToString()) < 5000
    assert "no copies yet" in ask.step(0, 0).failure.reason


def test_a_request_that_comes_again_is_answered_and_not_done_again() -> None:
    ask = faulty("none")
    ask.reset(0)
    first = ask.step(0)
    again = ask.send(wire.Request(protocol_version=1, id=ask.last, step=wire.Step(actions=b"\0")))
    assert again == first
    assert "expected a greater one" in ask.send(wire.Request(protocol_version=1, id=1, step=wire.Step())).failure.reason
    assert np.frombuffer(ask.step(0).transitions.observations, "<f4")[0] == pytest.approx(2 / 20)


def test_clients_have_copies_of_their_own() -> None:
    one = faulty("none")
    other = Asking(one.server, b"other")
    one.reset(0, 1)
    assert "no copies yet" in other.step(0).failure.reason
    other.reset(0)
    one.step(0, 0)
    assert np.frombuffer(other.step(0).transitions.observations, "<f4")[0] == pytest.approx(1 / 20)
    assert one(close=wire.Close()).WhichOneof("body") == "closed"
    assert "no copies yet" in one.step(0, 0).failure.reason
    assert other.step(0).WhichOneof("body") == "transitions"


def test_nonsense_is_answered_by_what_is_wrong_with_it() -> None:
    server = faulty("none").server
    reply = wire.Reply()
    reply.ParseFromString(server.answer(b"x", b"\xff\xff\xff"))
    assert reply.failure.can_go_on and "not a request" in reply.failure.reason
    ask = Asking(server)
    assert "version 9" in ask.send(wire.Request(protocol_version=9, id=1)).failure.reason
    assert "without a body" in ask().failure.reason
    ask.reset(0)
    assert "expected 1 x 1 bytes" in ask.step(0, 0).failure.reason
    assert "without holes" in ask.reset(5).failure.reason
    assert "below 4096" in ask.reset(4096).failure.reason


def test_an_environment_that_cannot_be_made_ends_the_process_with_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    from distillery.environment.__main__ import main

    assert main(["--class", FAULTY, "--arguments", '{"fault": "init"}', "--endpoint", "ipc:///nowhere"]) == 1
    assert "cannot be made" in capsys.readouterr().err
    assert main(["--gymnasium", "NoSuch-v0", "--endpoint", "ipc:///nowhere"]) == 1
    assert "NoSuch" in capsys.readouterr().err
    assert main(["--class", "no colon", "--endpoint", "ipc:///nowhere"]) == 1
    assert "MODULE:CLASS" in capsys.readouterr().err
