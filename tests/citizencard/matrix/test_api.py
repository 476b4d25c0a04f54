"""The permission matrix (T14) of the terminal API: answered are terminals in good standing, each about its own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Card
from terminals.services.fleet import revoke_terminal
from terminals.wire.batch import build_batch
from tests.citizencard.matrix import expected
from tests.citizencard.matrix.routes import routes
from tests.terminals.field import Field, deliver, make_merchant

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def unexpected_in_the_api(names: Iterable[str], words: dict[str, Any], *fields: Field | None) -> list[str]:
    """Who gets an answer of the terminal API without being a terminal in good standing."""
    wrong = []
    for name in names:
        pattern = next(route.where for route in routes() if route.name == name)
        wanted = re.findall(r"<\w+:(\w+)>", pattern)
        path = reverse(name, kwargs={word: words[word] for word in wanted})
        for method in METHODS:
            body = b"" if method in ("GET", "DELETE") else b"{}"
            for field in fields:
                if field is None:
                    answer = Client().generic(method, path, body, content_type="application/json")
                else:
                    answer = deliver(field.signed(method, path, body, "application/json"))
                if answer.status_code < 400:
                    wrong.append(f"{method} {path}: {answer.status_code}")
    return wrong


@pytest.fixture
def words(field: Field, card: Card) -> dict[str, Any]:
    field.post_batch(build_batch("B1", [field.tap(card, 1)]))
    return {"number": "B1", "kind": "hot_list", "since": 0, "nonce": "ab" * 16}


def test_the_terminal_api_answers_terminals_in_good_standing(field: Field, words: dict[str, Any]) -> None:
    stopped = Field.install(field.keys, merchant=make_merchant("SHOP", "shop"))
    revoke_terminal(terminal=stopped.terminal, actor="clerk", reason="stolen")
    pretender = replace(field, private_key=stopped.private_key)
    assert unexpected_in_the_api(expected.API_SIGNED, words, None, stopped, pretender) == []
    readable = expected.API_SIGNED & {"batch", "document", "time", "terminal"}
    assert len(unexpected_in_the_api(readable, words, field)) == len(readable)  # the same, let in


def test_one_terminals_batch_is_not_anothers(field: Field, words: dict[str, Any]) -> None:
    other = Field.install(field.keys, merchant=make_merchant("SHOP", "shop"))
    assert unexpected_in_the_api({"batch", "load-confirmation"}, words, other) == []


def test_a_terminal_api_without_signatures_is_found(
    field: Field, words: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: one operation forgets who may."""
    from terminals.api.views import StandingView

    class Anybody:
        def authenticate(self, request: object) -> tuple[mock.Mock, None]:
            return mock.Mock(terminal=field.terminal, is_authenticated=True), None

    monkeypatch.setattr(StandingView, "authentication_classes", (Anybody,))
    assert unexpected_in_the_api({"terminal"}, words, None) != []
