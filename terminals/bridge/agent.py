"""The agent: keeps a line to the hub, proves itself, makes the hub prove itself, then does what it asks."""

from __future__ import annotations

import random
import secrets
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Final

from cryptography.exceptions import InvalidSignature
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from terminals.bridge.desk import Desk
from terminals.bridge.errors import BridgeError, GarbledMessage, HubNotTrusted, NotPaired
from terminals.bridge.identity import Identity, require_tls
from terminals.bridge.messages import (
    MESSAGE_BYTES_MAX,
    NONCE_BYTES,
    REPLACED,
    SIGNATURE_BYTES,
    UNPAIRED,
    Meeting,
    Message,
    Slot,
    pack,
)
from terminals.bridge.slots import SlotWatcher
from terminals.bridge.sources import ReaderSource

ANSWER_SECONDS: Final = 10
PING_SECONDS: Final = 5
"""A line that says nothing for twice this long is dead."""
RETRY_SECONDS: Final = (1.0, 30.0)
"""The first pause before connecting again, doubled each time up to the last; each is stretched or shrunk at random, so
that a hub that comes back does not meet all its agents at once."""


class Agent:
    """Serves the readers of `source` to the server of `identity` until `stop`."""

    def __init__(self, identity: Identity, source: ReaderSource, say: Callable[[str], None]) -> None:
        """Nothing is opened yet. InsecureServer when the hub's address has no TLS."""
        require_tls(identity.hub)
        self._identity, self._say = identity, say
        self._desk = Desk(source, say)
        self._watcher = SlotWatcher(source, changed=self._report, say=say)
        self._line: ClientConnection | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def run(self) -> None:
        """Serve; a broken line is made anew. Raises NotPaired when the server does not know this PC any more."""
        self._watcher.start()
        pause = RETRY_SECONDS[0]
        try:
            while not self._stopping.is_set():
                welcomed = self._serve_once()
                pause = RETRY_SECONDS[0] if welcomed else min(2 * pause, RETRY_SECONDS[1])
                self._stopping.wait(pause * random.uniform(0.5, 1.5))  # noqa: S311  not a secret
        finally:
            self._watcher.stop()

    def stop(self) -> None:
        """End `run`, from any thread."""
        self._stopping.set()
        with self._lock:
            if self._line is not None:
                self._line.close()

    def _serve_once(self) -> bool:
        """One connection until it breaks; whether it got as far as being welcome."""
        welcomed = False
        try:
            with _dialled(self._identity) as line:
                introduce(line, self._identity)
                welcomed = True
                self._say(f"connected to {self._identity.server}")
                self._attend(line)
        except ConnectionClosed as closed:
            _judge(closed)
            self._say("the connection to the server is lost" if welcomed else "the server is not ready")
        except (BridgeError, OSError, InvalidHandshake, InvalidMessage) as error:
            self._say(f"no connection: {error}")
        finally:
            with self._lock:
                self._line = None
            self._desk.close()
        return welcomed

    def _attend(self, line: ClientConnection) -> None:
        """Answer requests as long as the line holds."""
        with self._lock:
            self._line = line
            if self._stopping.is_set():
                return
        self._report(self._watcher.slots)
        while True:
            request = Message.unpack(line.recv())
            number = request.integer("id", 0, 2**53)
            line.send(pack(id=number, **self._desk.answer(request)))

    def _report(self, slots: tuple[Slot, ...]) -> None:
        with self._lock, suppress(ConnectionClosed):
            if self._line is not None:
                self._line.send(pack(readers=[slot.to_plain() for slot in slots]))


def _dialled(identity: Identity) -> AbstractContextManager[ClientConnection]:
    """A connection to the hub. A proxy from the environment is not used: the line to the server is its own."""
    return connect(
        identity.hub,
        origin=Origin(identity.origin),
        compression=None,
        proxy=None,
        max_size=MESSAGE_BYTES_MAX,
        open_timeout=ANSWER_SECONDS,
        ping_interval=PING_SECONDS,
        ping_timeout=PING_SECONDS,
        close_timeout=2,
    )


def introduce(line: ClientConnection, identity: Identity) -> None:
    """The handshake inside the handshake: both sides sign the other's fresh nonce. HubNotTrusted, GarbledMessage."""
    try:
        hub_nonce = Message.unpack(line.recv(ANSWER_SECONDS)).octets("challenge", NONCE_BYTES, NONCE_BYTES)
        meeting = Meeting(identity.workstation, identity.origin, hub_nonce, secrets.token_bytes(NONCE_BYTES))
        signature = identity.signing_key().sign(meeting.agent_proof())
        line.send(pack(hello=meeting.workstation, nonce=meeting.agent_nonce.hex(), signature=signature.hex()))
        welcome = Message.unpack(line.recv(ANSWER_SECONDS))
        proof = welcome.octets("welcome", SIGNATURE_BYTES, SIGNATURE_BYTES)
        identity.hub_key().verify(proof, meeting.hub_proof())
    except TimeoutError as error:
        raise GarbledMessage("the hub does not go on with the handshake") from error
    except InvalidSignature as error:
        raise HubNotTrusted("whoever answers there is not the server this PC was paired with") from error


def _judge(closed: ConnectionClosed) -> None:
    code = closed.rcvd.code if closed.rcvd else None
    if code == UNPAIRED:
        raise NotPaired("the server does not know this PC any more: pair it again")
    if code == REPLACED:
        raise NotPaired("another agent has connected with this PC's key: only one may run")
