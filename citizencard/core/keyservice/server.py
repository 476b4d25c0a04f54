"""The service's socket: one thread per connection, bounded in number, frame size and patience."""

from __future__ import annotations

import logging
import os
import socket
import socketserver
import sys
import threading
from pathlib import Path
from typing import Final

from citizencard.core.keyservice.gate import Gate
from citizencard.core.keyservice.peer import peer_of
from citizencard.core.keyservice.protocol import Answer, receive_frame, send_frame, to_json
from citizencard.core.keyservice.refusal import Code, Refusal

logger = logging.getLogger(__name__)

CONNECTIONS_MAX: Final = 256
FRAME_PATIENCE_S: Final = 30.0
"""How long a peer may take for one read or write inside a frame; between frames it may wait for ever."""
SOCKET_PATH_MAX: Final = 107


class SocketPathError(Exception):
    """The socket cannot be opened; the message says why."""


class KeyServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Listens on a unix socket only its owner may use (mode 0600), unless `shared`: then the gate tells users apart."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, path: Path, gate: Gate, *, shared: bool = False) -> None:
        self.gate = gate
        self.slots = threading.BoundedSemaphore(CONNECTIONS_MAX)
        _make_room(path)
        previous = os.umask(0o111 if shared else 0o177)
        try:
            super().__init__(str(path), _Connection)
        except OSError as error:
            raise SocketPathError(f"cannot listen on {path}: {error.strerror}") from error
        finally:
            os.umask(previous)

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection died: log the kind of error only, since its text may carry what the peer sent."""
        logger.warning("connection ended by %s", type(sys.exception()).__name__)


class _Connection(socketserver.BaseRequestHandler):
    server: KeyServer
    request: socket.socket

    def handle(self) -> None:
        if not self.server.slots.acquire(blocking=False):
            self._refuse(Refusal(Code.BUSY, "too many connections"))
            return
        try:
            self._serve()
        except ConnectionError:
            return
        finally:
            self.server.slots.release()

    def _serve(self) -> None:
        self.peer = peer_of(self.request)
        while True:
            self.request.settimeout(None)
            try:
                frame = receive_frame(self.request, patience_s=FRAME_PATIENCE_S)
            except Refusal as refusal:
                # The stream is out of step after a bad length: answer once and hang up.
                self._refuse(refusal)
                return
            if frame is None:
                return
            self._answer(*frame)

    def _answer(self, opcode: int, payload: bytes) -> None:
        try:
            send_frame(self.request, Answer.OK, self.server.gate.answer(self.peer, opcode, payload))
        except Refusal as refusal:
            self._refuse(refusal)
        except OSError:
            raise
        except Exception as error:
            # One faulty request must neither end the service nor put its content into a log.
            logger.error("operation %#04x failed with %s", opcode, type(error).__name__)
            self._refuse(Refusal(Code.INTERNAL, "the operation failed inside the key service"))

    def _refuse(self, refusal: Refusal) -> None:
        logger.info("refused: %s", refusal.code)
        send_frame(self.request, Answer.REFUSED, to_json({"code": refusal.code, "message": refusal.message}))


def _make_room(path: Path) -> None:
    """Remove the socket a killed service left behind; never one that still answers."""
    if len(os.fsencode(path)) > SOCKET_PATH_MAX:
        raise SocketPathError(f"socket path is longer than {SOCKET_PATH_MAX} bytes: {path}")
    if not path.exists():
        return
    if not path.is_socket():
        raise SocketPathError(f"{path} exists and is not a socket")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise SocketPathError(f"another key service already answers on {path}")
