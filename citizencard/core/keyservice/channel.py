"""The client's end of the socket: one connection per thread, made anew after a restart of the service or a fork."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from typing import Final

from citizencard.core.errors import CitizenCardError, KeyServiceUnavailable
from citizencard.core.keyservice.errors import error_for
from citizencard.core.keyservice.fields import Fields
from citizencard.core.keyservice.protocol import Answer, Opcode, receive_frame, send_frame, to_json
from citizencard.core.keyservice.refusal import Code, Refusal
from citizencard.core.keyservice.roles import Role

CONNECT_TIMEOUT_S: Final = 2.0


class Channel:
    """Sends a request and waits for its answer; safe to share between threads.

    Every operation of the service can be repeated without harm, so a request whose connection turns out to be dead
    is sent once more over a new one. A request that times out is not: the service is there but too busy.
    """

    def __init__(self, path: Path, role: Role, *, timeout_s: float) -> None:
        self._path = path
        self._role = role
        self._timeout_s = timeout_s
        self._local = threading.local()

    def call(self, opcode: Opcode, payload: bytes) -> bytes:
        """The answer's payload; `KeyServiceError` when refused, `KeyServiceUnavailable` when nobody answers."""
        try:
            kind, body = self._exchange(opcode, payload)
            if kind == Answer.OK:
                return body
            error = _refusal_in(body)
        except Refusal as refusal:
            self.close()
            raise error_for(refusal.code, refusal.message) from None
        except OSError as fault:
            self.close()
            raise KeyServiceUnavailable(reason=type(fault).__name__) from fault
        raise error

    def close(self) -> None:
        """Drop the calling thread's connection."""
        connection: socket.socket | None = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.close()

    def _exchange(self, opcode: Opcode, payload: bytes) -> tuple[int, bytes]:
        connection = self._kept_connection()
        if connection is not None:
            try:
                return _ask(connection, opcode, payload)
            except ConnectionError:
                self.close()
        connection = self._connect()
        # Every connection says first what it is; a role that is refused refuses the call.
        kind, body = _ask(connection, Opcode.HELLO, to_json({"role": self._role}))
        if kind != Answer.OK:
            self.close()
            return kind, body
        return _ask(connection, opcode, payload)

    def _kept_connection(self) -> socket.socket | None:
        if getattr(self._local, "owner", None) != os.getpid():
            # A forked child must not speak on its parent's connection: answers would get mixed up.
            self.close()
        return getattr(self._local, "connection", None)

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(CONNECT_TIMEOUT_S)
            connection.connect(str(self._path))
        except OSError:
            connection.close()
            raise
        connection.settimeout(self._timeout_s)
        self._local.connection, self._local.owner = connection, os.getpid()
        return connection


def _ask(connection: socket.socket, opcode: Opcode, payload: bytes) -> tuple[int, bytes]:
    send_frame(connection, opcode, payload)
    answer = receive_frame(connection)
    if answer is None:
        raise ConnectionResetError("key service closed the connection")
    return answer


def _refusal_in(body: bytes) -> CitizenCardError:
    fields = Fields(body)
    code, message = fields.text("code", 40), fields.text("message", 500)
    if code in (Code.SEALED, Code.BUSY, Code.VAULT_UNAVAILABLE, Code.REGISTER_INVALID):
        return KeyServiceUnavailable(reason=code)
    return error_for(code, message)
