"""A server in a process of its own, over a socket, with packages of others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq
from distillery.environment import environment_pb2 as wire

PATIENCE_MILLISECONDS = 120_000


@pytest.fixture
def ask(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[object]:
    """Asks a process with the arguments that the test is marked with."""
    endpoint = f"ipc://{tmp_path}/socket"
    command = [sys.executable, "-m", "distillery.environment", *request.param, "--endpoint", endpoint]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log)
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(endpoint)
    number = 0

    def call(**body: object) -> wire.Reply:
        nonlocal number
        number += 1
        socket.send(wire.Request(protocol_version=1, id=number, **body).SerializeToString())  # type: ignore[arg-type]
        assert socket.poll(PATIENCE_MILLISECONDS), (tmp_path / "log").read_text()
        reply = wire.Reply()
        reply.ParseFromString(socket.recv())
        assert reply.id == number
        return reply

    try:
        yield call
    finally:
        process.kill()
        process.wait()
        socket.close()
        context.term()


def play(ask: object, steps: int = 12) -> np.ndarray:
    """Steps three copies with action 0: (steps, 3, observation numbers)."""
    description = ask(describe=wire.Describe()).description  # type: ignore[operator]
    box = description.observation.box
    copies = [wire.Copy(index=index, seed=index + 1) for index in range(3)]
    ask(reset=wire.Reset(copies=copies, task='{"seed": 3}'))  # type: ignore[operator]
    seen = []
    for _ in range(steps):
        stepped = ask(step=wire.Step(actions=bytes(3))).transitions  # type: ignore[operator]
        seen.append(np.frombuffer(stepped.observations, "u1" if box.element == wire.UINT8 else "<f4"))
        ended = [i for i in range(3) if stepped.terminations[i] | stepped.truncations[i]]
        if ended:
            again = [wire.Copy(index=index, seed=9) for index in ended]
            ask(reset=wire.Reset(copies=again, task='{"seed": 3}'))  # type: ignore[operator]
    return np.stack(seen).reshape(steps, 3, *box.shape)


@pytest.mark.parametrize("ask", [["--gymnasium", "CartPole-v1"]], indirect=True)
def test_classic_control(ask: object) -> None:
    seen = play(ask)
    assert seen.shape == (12, 3, 4) and np.isfinite(seen).all() and (seen[1] != seen[0]).all()


@pytest.mark.parametrize(
    "ask",
    [
        [
            "--gymnasium",
            "minigrid:MiniGrid-Empty-5x5-v0",
            "--wrapper",
            "minigrid.wrappers:RGBImgPartialObsWrapper",
            "--wrapper",
            "minigrid.wrappers:ImgObsWrapper",
        ]
    ],
    indirect=True,
)
def test_minigrid_as_pictures(ask: object) -> None:
    pytest.importorskip("minigrid")
    seen = play(ask)
    assert seen.shape == (12, 3, 56, 56, 3) and seen.dtype == np.uint8 and len(np.unique(seen)) > 3
    assert (seen[1] != seen[0]).any(), "turning left changes the picture"
