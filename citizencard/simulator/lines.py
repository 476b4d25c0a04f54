"""The line from a terminal to the centre: straight into acceptance at the hour of the plan, or signed, over HTTP."""

from __future__ import annotations

import gzip
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from requests.adapters import BaseAdapter

from citizencard.simulator.world import World
from terminals.models import Batch
from terminals.services.acceptance import accept_batch
from terminals.wire.batch import MEDIA_TYPE as NDJSON
from terminals.wire.content import GZIP, inflate
from terminals.wire.signature import sign_request
from terminals.wire.txn import MEDIA_TYPE as TXN

IN_PROCESS: Final = "http://localhost"
_TIMEOUT_S: Final = 120
_BODY_MAX: Final = 24 * 1024 * 1024


class Line(Protocol):
    """How the terminals of a world reach the centre."""

    def send(
        self, device: int, body: bytes, *, fixed_columns: bool, compressed: bool, at: int
    ) -> dict[str, Any]:
        """Upload a batch of a terminal at a second of the plan; the centre's answer."""


class Straight:
    """Into the acceptance service of this process; what arrives compressed is inflated as the API does."""

    def __init__(self, world: World) -> None:
        """For the terminals of this world."""
        self._world = world

    def send(
        self, device: int, body: bytes, *, fixed_columns: bool, compressed: bool, at: int
    ) -> dict[str, Any]:
        """As `Line.send`."""
        arrived = inflate(_compressed(body), _BODY_MAX) if compressed else body
        batch: Batch = accept_batch(
            terminal=self._world.terminals[device],
            body=arrived,
            media_type=TXN if fixed_columns else NDJSON,
            now=self._world.moment(at),
        )
        answer: dict[str, Any] = batch.answer
        return answer


class Signed:
    """Over the API, each request signed with the terminal's key. The centre's own clock says when it arrives."""

    def __init__(self, world: World, url: str | None = None) -> None:
        """To a running web server, or without `url` to the web application in this process."""
        self._world, self._url = world, (url or IN_PROCESS).rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False
        if url is None:
            self._session.mount(IN_PROCESS, _Application())

    def send(
        self, device: int, body: bytes, *, fixed_columns: bool, compressed: bool, at: int
    ) -> dict[str, Any]:
        """As `Line.send`."""
        terminal, key = self._world.terminals[device], self._world.keys[device]
        return self.post(terminal.code, key, body, fixed_columns=fixed_columns, compressed=compressed)

    def post(
        self,
        code: str,
        key: Ed25519PrivateKey,
        body: bytes,
        *,
        fixed_columns: bool = False,
        compressed: bool = False,
    ) -> dict[str, Any]:
        """Upload a batch in a terminal's name. Raises requests.RequestException when there is no answer."""
        headers = {"Content-Type": TXN if fixed_columns else NDJSON}
        if compressed:
            headers["Content-Encoding"], body = GZIP, _compressed(body)
        request = requests.Request("POST", f"{self._url}/api/v1/batches", headers=headers, data=body)
        prepared = self._session.prepare_request(request)
        sign_request(prepared, terminal_code=code, key=key)
        answer: dict[str, Any] = self._session.send(prepared, timeout=_TIMEOUT_S).json()
        return answer


class _Application(BaseAdapter):
    """Carries requests to the web application of this process: all of it but the socket."""

    def __init__(self) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # no pages are asked for: their files need not be there
            self._handler = WSGIHandler()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Call the application as a web server does."""
        response = requests.Response()
        early: list[bytes] = []

        def start(
            status: str, headers: list[tuple[str, str]], _failure: Any = None
        ) -> Callable[[bytes], object]:
            response.status_code = int(status.split()[0])
            response.headers.update(headers)
            return early.append

        with _kept_connection(), _expected_refusals():
            answer = self._handler(_environment(request), start)
            response._content = b"".join([*early, *answer])
            answer.close()
        response.request, response.url = request, str(request.url)
        return response

    def close(self) -> None:
        """Nothing is held."""


@contextmanager
def _kept_connection() -> Iterator[None]:
    """A web server's process looks at its database connection before and after each request; this one is in use."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


@contextmanager
def _expected_refusals() -> Iterator[None]:
    """A stranger is refused, as was planned; the log need not say so."""
    logger = logging.getLogger("django.request")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _environment(request: requests.PreparedRequest) -> dict[str, Any]:
    """The request as PEP 3333 hands it over."""
    url, body = urlsplit(str(request.url)), request.body if isinstance(request.body, bytes) else b""
    headers = {name.upper().replace("-", "_"): value for name, value in request.headers.items()}
    known = {"CONTENT_TYPE": headers.pop("CONTENT_TYPE", ""), "CONTENT_LENGTH": str(len(body))}
    headers.pop("CONTENT_LENGTH", None)
    return (
        known
        | {f"HTTP_{name}": value for name, value in headers.items()}
        | {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": url.path,
            "QUERY_STRING": url.query,
            "SERVER_NAME": url.hostname,
            "SERVER_PORT": str(url.port or 80),
            "HTTP_HOST": url.netloc,
            "REMOTE_ADDR": "127.0.0.1",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": url.scheme,
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
    )


def _compressed(body: bytes) -> bytes:
    """The same bytes each time."""
    return gzip.compress(body, compresslevel=1, mtime=0)
