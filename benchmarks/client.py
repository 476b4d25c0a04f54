"""A client that costs next to nothing, so that the server is what is measured: ready bytes over a kept connection."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from requests import PreparedRequest


def wire_form(request: PreparedRequest) -> bytes:
    """A prepared request as HTTP/1.1 bytes."""
    url = urlsplit(str(request.url))
    head = [f"{request.method} {url.path} HTTP/1.1", f"Host: {url.netloc}"]
    head += [f"{name}: {_text(value)}" for name, value in request.headers.items()]
    body = request.body or b""
    return "\r\n".join([*head, "", ""]).encode() + (body if isinstance(body, bytes) else body.encode())


class Connection:
    """One kept HTTP connection to `host:port`."""

    def __init__(self, address: str) -> None:
        host, _, port = address.partition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer, which must name its length."""
        self._socket.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._receive()
        head, _, body = received.partition(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        while len(body) < int(length.partition(b":")[2]):
            body += self._receive()
        return int(head.split(b" ", 2)[1]), body

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def _receive(self) -> bytes:
        part = self._socket.recv(65_536)
        if not part:
            raise ConnectionError("the server closed the connection")
        return part


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
