"""A small centre for terminals to talk to: it speaks the wire format, keeps every purchase once, and misbehaves when told."""

from __future__ import annotations

import contextlib
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from requests.adapters import BaseAdapter

from terminals.program.client import CentreClient
from terminals.wire.grey import GreyRecord
from terminals.wire.record import TapRecord
from terminals.wire.upload import split_batch

HOST = "http://centre"
Answer = tuple[int, bytes]


class FakeCentre(BaseAdapter):
    """`mood` decides over each request: `ok`, `lost` (judged, the answer never comes), `down`, `busy` (503), `refuse`."""

    def __init__(self, mood: Callable[[], str] = lambda: "ok") -> None:
        super().__init__()
        self.mood = mood
        self.taps: dict[tuple[str, int], TapRecord] = {}
        self.seen: Counter[tuple[str, int]] = Counter()
        self.greys: list[GreyRecord] = []
        self.bodies: dict[str, bytes] = {}
        self.answers: dict[str, bytes] = {}
        self.documents: dict[str, Callable[[Mapping[str, str]], Answer]] = {}
        self.events: dict[int, dict[str, Any]] = {}
        self.totals: dict[int, dict[str, Any]] = {}
        self.taken_back: list[tuple[str, dict[str, Any]]] = []
        self.beat: Callable[[bytes], dict[str, Any]] | None = None
        self.received: list[bytes] = []
        self.requests = 0

    def client(self) -> CentreClient:
        session = requests.Session()
        session.mount(HOST, self)
        return CentreClient(HOST, "T-1", Ed25519PrivateKey.generate(), session)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        body = request.body if isinstance(request.body, bytes) else b""
        return self.answer(str(request.path_url), body)

    def answer(self, path: str, body: bytes) -> requests.Response:
        """To a request from anywhere; raises where the line would break."""
        self.requests += 1
        self.received.append(body)
        mood = self.mood()
        if mood == "down":
            raise requests.ConnectionError("no line")
        if mood == "busy":
            return _response(503, b"<html>later</html>")
        if mood == "refuse":
            return _problem(401, "signature_stale")
        response = self._serve(path.removeprefix("/api/v1"), body)
        if mood == "lost":
            raise requests.ReadTimeout("too late")
        return response

    def close(self) -> None:
        """Nothing to close."""

    def _serve(self, path: str, body: bytes) -> requests.Response:
        name = path.partition("?")[0]
        with contextlib.suppress(KeyError):
            return _response(*self.documents[name](dict(_query(path))))
        own = {
            "/batches": self._batch, "/greys": self._greys, "/taps": self._tap, "/events": self._events,
            "/totals": self._totals,
        }  # fmt: skip
        if name in ("/reversals", "/refunds"):
            self.taken_back.append((name, json.loads(body)))
            return _response(200, json.dumps({"result": "accepted"}).encode())
        if name == "/heartbeats" and self.beat:
            return _response(200, json.dumps(self.beat(body)).encode())
        return own[name](body) if name in own else _response(404, b"<html>no such page</html>")

    def _greys(self, body: bytes) -> requests.Response:
        lines = body.decode().splitlines()
        self.greys += [GreyRecord.from_dict(json.loads(line)) for line in lines]
        return _response(200, json.dumps({"received": len(lines)}).encode())

    def _tap(self, body: bytes) -> requests.Response:
        record = TapRecord.from_json(body.decode())
        self.seen[record.terminal_no, record.terminal_seq] += 1
        self.taps.setdefault((record.terminal_no, record.terminal_seq), record)
        return _response(200, json.dumps({"result": "accepted", "reason": {"code": "accepted"}}).encode())

    def _events(self, body: bytes) -> requests.Response:
        told = json.loads(body)["events"]
        for event in told:
            if self.events.setdefault(event["number"], event) != event:
                return _problem(409, "event_number_reused")
        return _response(200, json.dumps({"events": len(told), "new": len(told)}).encode())

    def _totals(self, body: bytes) -> requests.Response:
        told = json.loads(body)
        if self.totals.setdefault(told["from_seq"], told) != told:
            return _problem(409, "total_changed")
        return _response(200, json.dumps({"records": told["records"], "seen": 0}).encode())

    def _batch(self, body: bytes) -> requests.Response:
        batch = split_batch(body)
        if self.bodies.setdefault(batch.batch_no, body) != body:
            return _problem(409, "batch_number_reused")
        if batch.batch_no not in self.answers:
            for number in batch.lines.rows["line"]:
                line = batch.lines.line(int(number))
                assert line.record is not None, line.error
                key = (line.record.terminal_no, line.record.terminal_seq)
                self.seen[key] += 1
                self.taps.setdefault(key, line.record)
            self.answers[batch.batch_no] = json.dumps({"accepted": len(batch.lines)}).encode()
        return _response(200, self.answers[batch.batch_no])


class _Door(BaseHTTPRequestHandler):
    """Hands requests on; what breaks the line closes it."""

    centre: FakeCentre

    def do_GET(self) -> None:
        self._pass_on(b"")

    def do_POST(self) -> None:
        self._pass_on(self.rfile.read(int(self.headers["Content-Length"])))

    def _pass_on(self, body: bytes) -> None:
        try:
            response = self.centre.answer(self.path, body)
        except requests.RequestException:
            self.close_connection = True
            return
        self.send_response(response.status_code)
        self.send_header("Content-Length", str(len(response.content)))
        self.end_headers()
        self.wfile.write(response.content)

    def log_message(self, *words: Any) -> None:
        """Not on the console."""


@contextmanager
def over_http(centre: FakeCentre) -> Iterator[str]:
    """The same centre at a port of this machine; its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Door", (_Door,), {"centre": centre}))
    server.daemon_threads = True
    worker = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    worker.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def moody(seed: int, share: float) -> Callable[[], str]:
    """A line that fails in this share of requests, in any of its ways."""
    chance = random.Random(seed)
    return lambda: chance.choice(["lost", "down", "busy", "refuse"]) if chance.random() < share else "ok"


def _query(path: str) -> list[tuple[str, str]]:
    pairs = path.partition("?")[2].split("&")
    return [(name, value) for name, _, value in (pair.partition("=") for pair in pairs) if name]


def _problem(status: int, code: str) -> requests.Response:
    return _response(status, json.dumps({"status": status, "code": code, "detail": code}).encode())


def _response(status: int, content: bytes) -> requests.Response:
    response = requests.Response()
    response.status_code, response._content = status, content
    return response
