"""Answers the requests of proto/environment.proto."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

import zmq

from . import environment_pb2 as wire
from .copies import Copies, EnvironmentBroken, RequestRefused
from .making import EnvironmentMaker
from .spaces import StoredSpace

PROTOCOL_VERSION = 1
# Longer messages end their connection.
LARGEST_MESSAGE_BYTES = 64 << 20
# Clients at a time; the one that was silent for longest makes room.
MOST_CLIENTS = 256
# Copies of a client that says nothing for so long are let go of.
SILENCE_SECONDS = 3600.0
LONGEST_REASON = 4000

log = logging.getLogger("distillery.environment")


@dataclass
class _Client:
    copies: Copies
    last_id: int = 0
    last_reply: bytes = b""
    heard: float = field(default_factory=time.monotonic)


class Server:
    """One environment behind a ROUTER: each client has copies of its own. Belongs to one thread."""

    def __init__(self, maker: EnvironmentMaker) -> None:
        """Makes one copy, to see its spaces; raises what the environment raises."""
        self._maker = maker
        example = maker.example()
        try:
            self.observation = StoredSpace(example.observation_space)
            self.action = StoredSpace(example.action_space)
            self._description = wire.Description(
                name=maker.name,
                observation=self.observation.message(),
                action=self.action.message(),
                horizon=maker.horizon(example),
                tasks=maker.tasks,
                software=[wire.Setting(name=name, value=value) for name, value in maker.software(example).items()],
            )
        finally:
            example.close()
        self._clients: dict[bytes, _Client] = {}

    def run(self, endpoint: str) -> None:
        """Serves until the process ends."""
        context = zmq.Context.instance()
        with context.socket(zmq.ROUTER) as socket:
            socket.setsockopt(zmq.MAXMSGSIZE, LARGEST_MESSAGE_BYTES)
            socket.setsockopt(zmq.LINGER, 1000)
            # A client that comes back under its identity takes its old connection over.
            socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
            socket.bind(endpoint)
            log.info("serves %s at %s", self._maker.name, socket.getsockopt_string(zmq.LAST_ENDPOINT))
            while True:
                frames = socket.recv_multipart()
                if len(frames) == 2:
                    socket.send_multipart([frames[0], self.answer(frames[0], frames[1])])

    def answer(self, identity: bytes, message: bytes) -> bytes:
        """The reply to one request, which may be one that was answered before."""
        request = wire.Request()
        try:
            request.ParseFromString(message)
        except Exception as error:
            return self._failure(0, f"not a request: {error}", can_go_on=True)
        if request.protocol_version != PROTOCOL_VERSION:
            return self._failure(
                request.id,
                f"protocol version {request.protocol_version}, expected {PROTOCOL_VERSION}",
                can_go_on=True,
            )
        client = self._client(identity)
        if request.id == client.last_id and client.last_reply:
            return client.last_reply
        if request.id < client.last_id:
            return self._failure(
                request.id, f"request {request.id} after request {client.last_id}, expected a greater one", can_go_on=True)
        reply = self._do(request, client)
        client.last_id, client.last_reply, client.heard = request.id, reply, time.monotonic()
        return reply

    def _client(self, identity: bytes) -> _Client:
        client = self._clients.get(identity)
        if client is None:
            self._make_room()
            client = self._clients[identity] = _Client(Copies(self._maker, self.observation, self.action))
        return client

    def _make_room(self) -> None:
        now = time.monotonic()
        silent = [identity for identity, client in self._clients.items() if now > client.heard + SILENCE_SECONDS]
        if not silent and len(self._clients) >= MOST_CLIENTS:
            silent = [min(self._clients, key=lambda identity: self._clients[identity].heard)]
        for identity in silent:
            self._clients.pop(identity).copies.close()

    def _do(self, request: wire.Request, client: _Client) -> bytes:
        reply = wire.Reply(protocol_version=PROTOCOL_VERSION, id=request.id)
        try:
            self._fill(reply, request, client.copies)
            encoded = reply.SerializeToString()
            if len(encoded) > LARGEST_MESSAGE_BYTES:
                raise RequestRefused(
                    f"a reply of {len(encoded)} bytes, expected at most {LARGEST_MESSAGE_BYTES}: fewer copies are needed")
            return encoded
        except RequestRefused as error:
            return self._failure(request.id, str(error), can_go_on=True)
        except EnvironmentBroken as error:
            log.error("%s", error, exc_info=error.__cause__)
            client.copies.close()
            return self._failure(request.id, str(error), can_go_on=False)

    def _fill(self, reply: wire.Reply, request: wire.Request, copies: Copies) -> None:
        match request.WhichOneof("body"):
            case "describe":
                reply.description.CopyFrom(self._description)
            case "reset":
                listed = request.reset.copies
                reply.observations.observations = copies.reset(
                    [copy.index for copy in listed], [copy.seed for copy in listed], request.reset.task)
            case "step":
                stepped = copies.step(request.step.actions)
                (
                    reply.transitions.observations,
                    reply.transitions.rewards,
                    reply.transitions.terminations,
                    reply.transitions.truncations,
                ) = stepped
            case "close":
                copies.close()
                reply.closed.SetInParent()
            case _:
                raise RequestRefused("a request without a body, or with one of a later protocol")

    @staticmethod
    def _failure(number: int, reason: str, *, can_go_on: bool) -> bytes:
        failure = wire.Failure(reason=reason[:LONGEST_REASON], can_go_on=can_go_on)
        return wire.Reply(protocol_version=PROTOCOL_VERSION, id=number, failure=failure).SerializeToString()
