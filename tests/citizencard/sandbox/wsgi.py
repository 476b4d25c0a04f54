"""The sandbox without a socket: a `responses` call-back that hands every request to the application."""

from __future__ import annotations

import io
import re
from urllib.parse import urlsplit

import requests
from django.conf import settings

from citizencard.sandbox.gateway import SandboxGateway
from citizencard.sandbox.store import Store

ANYWHERE = re.compile(f"{settings.GATEWAY_URL}/.*")
Answer = tuple[int, dict[str, str], bytes]


class Sandbox:
    """A sandbox with everything it was asked and answered; what it would call back stays in its store as jobs."""

    def __init__(self, path: str = ":memory:") -> None:
        self.store = Store(path)
        self.app = SandboxGateway(self.store, api_key=settings.GATEWAY_API_KEY)
        self.exchanges: list[tuple[requests.PreparedRequest, Answer]] = []

    def call_backs(self) -> list[bytes]:
        """The bodies of the events not sent yet, oldest first; they are taken away.

        A refund that has become due by then is not settled: whether it has is a matter of the machine's speed.
        """
        bodies = []
        with self.store.transaction():
            while job := self.store.due():
                self.store.done(job)
                if job.kind == "call_back":
                    bodies.append(job.payload.encode())
        return bodies

    def page(self, path: str, **form: str) -> str:
        """What a person sees after doing something on a page."""
        request = requests.Request("POST" if form else "GET", settings.GATEWAY_URL + path, data=form)
        return self.answer(request.prepare())[2].decode()

    def answer(self, request: requests.PreparedRequest) -> Answer:
        """One request, as `responses` wants its call-backs."""
        url = urlsplit(str(request.url))
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        environ = {
            "REQUEST_METHOD": request.method,
            "PATH_INFO": url.path,
            "QUERY_STRING": url.query,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            "HTTP_AUTHORIZATION": request.headers.get("Authorization", ""),
            "HTTP_IDEMPOTENCY_KEY": request.headers.get("Idempotency-Key", ""),
        }
        begun: list[tuple[int, dict[str, str]]] = []

        def start(status: str, headers: list[tuple[str, str]]) -> None:
            begun.append((int(status.split()[0]), dict(headers)))

        content = b"".join(self.app(environ, start))  # type: ignore[arg-type]
        answer = (*begun[0], content)
        self.exchanges.append((request, answer))
        return answer
