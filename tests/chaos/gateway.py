"""The payment gateway of the chaos: the sandbox's API over a file, somebody else's database, which no kill of ours reaches."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import responses
from django.conf import settings
from django.test import Client

from citizencard.sandbox.callbacks import signature_header
from citizencard.sandbox.store import Object
from tests.chaos.steps import GATEWAY, step
from tests.citizencard.sandbox.wsgi import ANYWHERE, Answer, Sandbox


class Gateway(Sandbox):
    """The sandbox; each of our calls is a step. Chips lie in the `folder`, too."""

    def __init__(self, file: Path) -> None:
        super().__init__(str(file))
        self.folder = file.parent

    def ours(self, request: object) -> Answer:
        """Answer the product's own request."""
        answer: Answer = step(GATEWAY, lambda: self.answer(request))  # type: ignore[arg-type]
        return answer

    def pay(self, payment_id: str) -> None:
        """The payer pays on the gateway's page, if that can still be done."""
        self.page(f"/pay/{payment_id}", do="pay")

    def of(self, kind: str, reference: str) -> list[Object]:
        """Things of a kind that name an order, refund or mandate of ours."""
        return [thing for thing in self._all(kind) if reference in thing.get("metadata", {}).values()]

    def call_back(self, *things: Object) -> None:
        """Tell the web server everything that happened to these things, as the gateway does until it is answered."""
        ids = {thing["id"] for thing in things}
        for event in self._all("event"):
            if event["data"]["object"]["id"] in ids:
                _post(json.dumps(event, ensure_ascii=False).encode())

    def _all(self, kind: str) -> list[Object]:
        rows = self.store._db.execute(
            "SELECT body FROM object WHERE kind = ? ORDER BY seq DESC LIMIT 40", [kind]
        )
        return [json.loads(body) for (body,) in reversed(rows.fetchall())]


@contextmanager
def gateway_file() -> Iterator[Path]:
    """Where a new gateway keeps what it knows."""
    with tempfile.TemporaryDirectory(prefix="gateway-") as folder:
        yield Path(folder, "gateway.sqlite3")


@contextmanager
def connected(path: Path) -> Iterator[Gateway]:
    """The gateway, for this process; whoever forks connects anew in the child."""
    gateway = Gateway(path)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as net:
        for method in (responses.GET, responses.POST):
            net.add_callback(method, ANYWHERE, gateway.ours)
        yield gateway


def _post(body: bytes) -> None:
    signature = signature_header(body, settings.GATEWAY_WEBHOOK_SECRET)
    answer = Client(raise_request_exception=True).post(
        "/api/v1/gateway/webhook",
        body,
        content_type="application/json",
        headers={"Stripe-Signature": signature},
    )
    assert answer.status_code == 200, answer.content
