"""A field to test in: a merchant, terminals with keys, and records with right TACs made as a chip would."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.http import HttpResponse
from django.test import Client
from requests.adapters import BaseAdapter

from accounts.models import Card
from citizencard.core.keyservice.keystore import KeyStore, Usage
from settlement.services.proposals import found_contract
from terminals.card.crypto import diversify_levels, purchase_tac
from terminals.models import Merchant, Terminal
from terminals.services.field import publish_tariff, register_merchant, register_terminal
from terminals.wire.batch import MEDIA_TYPE as NDJSON
from terminals.wire.record import TapRecord
from terminals.wire.signature import sign_request
from tests.factories import NOON

HOST = "http://testserver"
_numbers = itertools.count(1)


def make_merchant(code: str = "BUS", channel: str = "bus", fee_basis_points: int | None = None) -> Merchant:
    """A registered merchant; with a rate it has a contract, as one has who is cleared."""
    merchant = register_merchant(code=code, name=code, channel=channel)
    if fee_basis_points is not None:
        found_contract(merchant=merchant, rate_basis_points=fee_basis_points, valid_from=date(2026, 1, 1))
    return merchant


@dataclass
class Field:
    """One terminal with its key, and the demonstration keys to make TACs with."""

    keys: KeyStore
    terminal: Terminal
    private_key: Ed25519PrivateKey
    _sequence: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @classmethod
    def install(cls, keys: KeyStore, code: str = "", merchant: Merchant | None = None) -> Field:
        """Register a terminal with a flat fare; merchant BUS unless told otherwise."""
        publish_tariff(
            code="flat",
            name="一票制",
            kind="flat",
            rule={"fare_fen": 200},
            valid_from=date(2026, 1, 1),
            legal_basis="test",
        )
        number, key = next(_numbers), Ed25519PrivateKey.generate()
        terminal = register_terminal(
            code=code or f"T-{number}",
            merchant=merchant or make_merchant(),
            place="丰泽街",
            tariff_code="flat",
            terminal_no=f"{number:012X}",
            public_key=key.public_key().public_bytes_raw(),
        )
        return cls(keys, terminal, key)

    def tap(self, card: Card, atc: int, amount_fen: int = 200, **changes: Any) -> TapRecord:
        """A purchase of this terminal with a right TAC; changes are made before the TAC."""
        values: dict[str, Any] = {
            "terminal_no": self.terminal.terminal_no,
            "terminal_seq": next(self._sequence),
            "card_no": card.pan,
            "atc": atc,
            "type": 6,
            "amount_fen": amount_fen,
            "balance_fen": 100_000 - amount_fen,
            "occurred_at": NOON + timedelta(seconds=atc),
            "tac": "00000000",
            "key_version": 1,
        }
        return self.sealed(TapRecord(**values | changes))

    def sealed(self, record: TapRecord) -> TapRecord:
        """The record with the TAC its card would give."""
        master = self.keys.masters[Usage.TAC, record.key_version]
        dtk = diversify_levels(master, self.keys.issuer_factor8, bytes.fromhex(record.card_no[-16:]))
        tac = purchase_tac(
            dtk,
            record.amount_fen,
            record.type,
            bytes.fromhex(record.terminal_no),
            record.terminal_seq,
            record.occurred_at,
        )
        return replace(record, tac=tac.hex().upper())

    def signed(
        self, method: str, path: str, body: bytes = b"", content_type: str = NDJSON, **changes: Any
    ) -> requests.PreparedRequest:
        """A request as the terminal sends it; changes are `terminal_code`, `key`, `created` of the signature."""
        headers = {"Content-Type": content_type} if body else {}
        request = requests.Request(method, HOST + path, headers=headers, data=body or None).prepare()
        who = {"terminal_code": self.terminal.code, "key": self.private_key}
        sign_request(request, **(who | changes))
        return request

    def get(self, path: str, **headers: str) -> HttpResponse:
        """A signed GET."""
        return deliver(self.signed("GET", path), **headers)

    def post_batch(self, body: bytes) -> HttpResponse:
        """A signed upload."""
        return deliver(self.signed("POST", "/api/v1/batches", body))

    def post_json(self, path: str, content: Any, **changes: Any) -> HttpResponse:
        """A signed JSON document; changes as `signed`."""
        body = json.dumps(content).encode()
        return deliver(self.signed("POST", path, body, "application/json", **changes))

    def post_tap(self, record: TapRecord) -> HttpResponse:
        """A signed online purchase."""
        return deliver(self.signed("POST", "/api/v1/taps", record.to_json().encode(), "application/json"))


def deliver(request: requests.PreparedRequest, client: Client | None = None, **headers: str) -> HttpResponse:
    """Hand a prepared request to the web application."""
    body = request.body if isinstance(request.body, bytes) else b""
    sent = {name: value for name, value in request.headers.items() if name != "Content-Length"} | headers
    content_type = sent.pop("Content-Type", "application/octet-stream")
    path = str(request.url).removeprefix(HOST)
    response: HttpResponse = (client or Client()).generic(
        str(request.method), path, body, content_type=content_type, headers=sent
    )
    return response


class InProcess(BaseAdapter):
    """Carries the terminal program's requests to the web application in this process; `down` cuts the line."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.delivered = 0

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if self.down:
            raise requests.ConnectionError("no line")
        answer = deliver(request)
        self.delivered += 1
        response = requests.Response()
        response.status_code, response._content = answer.status_code, answer.content
        response.request, response.url = request, str(request.url)
        return response

    def close(self) -> None:
        """Nothing is held."""


def later(minutes: int) -> datetime:
    """Some time after noon of the test day."""
    return NOON + timedelta(minutes=minutes)
