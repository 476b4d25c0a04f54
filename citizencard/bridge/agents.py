"""The hub's end of the lines to the workstations: who may connect, and one request at a time to each."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.exceptions import ValidationError
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from citizencard.bridge.models import Workstation
from citizencard.core.keyservice.client import key_service
from citizencard.core.keyservice.roles import Role
from citizencard.core.keyservice.signing import SignPurpose
from terminals.bridge.errors import GarbledMessage, NotPaired
from terminals.bridge.faults import fault
from terminals.bridge.messages import NONCE_BYTES, SENTENCE_MAX, SIGNATURE_BYTES, Meeting, Message, Slot, pack
from terminals.card.errors import TransportError
from terminals.readers.errors import ReaderInUse

HELLO_SECONDS: Final = 10
UNASKED_PER_SECOND: Final = 5.0
UNASKED_BURST: Final = 50
"""Reader events come in flurries when a hub of readers is plugged in; no more than this at once."""

Answer = TypeVar("Answer")


def meet(line: ServerConnection, origin: str) -> UUID:
    """Challenge whoever has connected, verify that it is a workstation, prove the server's identity to it.

    Raises NotPaired (unknown, revoked, wrong key: not told which), GarbledMessage, TimeoutError, KeyServiceUnavailable.
    """
    hub_nonce = secrets.token_bytes(NONCE_BYTES)
    line.send(pack(challenge=hub_nonce.hex()))
    hello = Message.unpack(line.recv(HELLO_SECONDS))
    agent_nonce = hello.octets("nonce", NONCE_BYTES, NONCE_BYTES)
    meeting = Meeting(hello.text("hello", 36), origin, hub_nonce, agent_nonce)
    workstation = _known(meeting.workstation)
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes(workstation.public_key))
        key.verify(hello.octets("signature", SIGNATURE_BYTES, SIGNATURE_BYTES), meeting.agent_proof())
    except InvalidSignature as error:
        raise NotPaired("not a known workstation") from error
    line.send(pack(welcome=key_service(Role.BRIDGE).sign(SignPurpose.CARD_BRIDGE, meeting.hub_proof()).hex()))
    return workstation.pk


def _known(pk: str) -> Workstation:
    try:
        return Workstation.objects.get(pk=pk, revoked_at=None)
    except (Workstation.DoesNotExist, ValidationError) as error:
        raise NotPaired("not a known workstation") from error


class AgentLine:
    """The line to one workstation's agent, after `meet`."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._waiting: dict[int, Future[Message]] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._gone = False
        self._unasked = Budget(UNASKED_PER_SECOND, UNASKED_BURST)
        self.readers: tuple[Slot, ...] = ()
        self.user = ""

    @contextmanager
    def lease(self, actor: str) -> Iterator[None]:
        """The workstation's readers for one user at a time; ReaderInUse names the other."""
        with self._lock:
            if self.user:
                raise ReaderInUse(f"{self.user} is using this workstation's reader")
            self.user = actor
        try:
            yield
        finally:
            self.user = ""

    def ask(self, timeout_s: float, read: Callable[[Message], Answer], **request: Any) -> Answer:
        """Send a request, wait for the answer and `read` it. What the agent reports as wrong is raised.

        A line that breaks is TransportError; so is one that is silent or answers nonsense, and it is cut.
        """
        number, answer = next(self._numbers), Future[Message]()
        with self._lock:
            if self._gone:
                raise TransportError("the workstation is not connected any more")
            self._waiting[number] = answer
        try:
            self._connection.send(pack(id=number, **request))
            message = answer.result(timeout_s)
            if "error" in message:
                raise fault(message.text("error", 40), message.text("message", SENTENCE_MAX))
            return read(message)
        except TimeoutError as error:
            self.cut(1011, "no answer")
            raise TransportError("the workstation does not answer") from error
        except GarbledMessage as error:
            self.cut(1008, "protocol broken")
            raise TransportError("the workstation's answer makes no sense") from error
        except ConnectionClosed as error:
            raise TransportError("the line to the workstation broke") from error
        finally:
            self._waiting.pop(number, None)

    def attend(self) -> None:
        """Take what the agent sends until the line breaks. Raises ConnectionClosed, GarbledMessage."""
        try:
            while True:
                self._take(Message.unpack(self._connection.recv()))
        finally:
            with self._lock:
                self._gone = True
                for answer in list(self._waiting.values()):
                    answer.set_exception(TransportError("the line to the workstation broke"))

    def cut(self, code: int, reason: str) -> None:
        """Hang up, with a WebSocket close code."""
        self._connection.close(code, reason)

    def _take(self, message: Message) -> None:
        if "id" in message:
            answer = self._waiting.pop(message.integer("id", 0, 2**53), None)
            if answer is not None:
                answer.set_result(message)
                return
        self._unasked.spend()
        if "readers" in message:
            self.readers = message.slots("readers")


class Budget:
    """So many messages a second, and a burst of them at once."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second, self._burst = per_second, burst
        self._left, self._at = float(burst), time.monotonic()

    def spend(self) -> None:
        """Take one; GarbledMessage when too many came."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            raise GarbledMessage("too many messages")
        self._left -= 1
