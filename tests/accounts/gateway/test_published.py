"""Our requests and the sandbox's answers held against the gateway's published OpenAPI description itself.

A package that ships the description unchanged brings it (`source_stripe/schemas/openapi_spec.json`); nothing of the package
is run. It is of an older version than the one we pin, so what came later is named here; the pinned version is proved in
`test_openapi`, by the official library's classes, which are generated from the description.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import jsonschema
import pytest

from accounts.gateway.port import PaymentGateway
from citizencard.sandbox.forms import nested
from tests.accounts.gateway.test_openapi import (
    a_whole_life,
    api_exchanges,
    gateway,
    sandbox,
    text_of,
    typed,
)
from tests.citizencard.sandbox.wsgi import Sandbox

__all__ = ["gateway", "sandbox"]

PACKAGE: Final = "source_stripe"
VERSION: Final = "2024-06-20"
NEWER: Final = {"allowed_payment_method_types"}
"""Parameters of ours that the API has learnt since."""
Schema = dict[str, Any]

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE) is None, reason="the package with the description is not installed"
)


@cache
def description() -> Schema:
    """The description as published, its nullable parts as JSON schema says it."""
    found = importlib.util.find_spec(PACKAGE)
    assert found is not None
    assert found.origin is not None
    text = Path(found.origin).with_name("schemas").joinpath("openapi_spec.json").read_text("utf-8")
    spec: Schema = _json_schema(json.loads(text))
    return spec


def _json_schema(value: Any) -> Any:
    """OpenAPI 3.0 says `nullable` where JSON schema has null among the types (and the values)."""
    if isinstance(value, list):
        return [_json_schema(item) for item in value]
    if not isinstance(value, dict):
        return value
    plain = {name: _json_schema(item) for name, item in value.items()}
    if plain.get("nullable") is True:
        return {"anyOf": [plain, {"type": "null"}]}
    return plain


def operation(method: str, path: str) -> Schema:
    """What the description says of a call. StopIteration where it knows none."""
    for known, operations in description()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", r"[^/]+", known), path) and method.lower() in operations:
            found: Schema = operations[method.lower()]
            return found
    raise StopIteration(f"{method} {path}")


def parameters(method: str, called: Schema) -> Schema:
    """The schema of a form's or a query's fields."""
    if method == "POST":
        body: Schema = called["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
        return body
    fields = {one["name"]: one["schema"] for one in called["parameters"] if one["in"] == "query"}
    return {"type": "object", "properties": fields, "additionalProperties": False}


def faults(value: Any, schema: Schema) -> Iterator[str]:
    """What is wrong with a value."""
    whole = {**schema, "components": description()["components"]}
    for error in jsonschema.Draft202012Validator(whole).iter_errors(value):
        yield f"{error.json_path}: {error.message}"


def test_the_description_is_the_one_meant() -> None:
    assert description()["info"]["version"] == VERSION


def test_every_request_is_one_of_the_description(gateway: PaymentGateway, sandbox: Sandbox) -> None:
    a_whole_life(gateway, sandbox)
    newer = set()
    for request, _answer in api_exchanges(sandbox):
        url, method = urlsplit(str(request.url)), str(request.method)
        schema = parameters(method, operation(method, url.path))
        sent = typed(nested(text_of(request) if method == "POST" else url.query), schema)
        newer |= sent.keys() & NEWER
        known = {name: value for name, value in sent.items() if name not in NEWER}
        assert list(faults(known, schema)) == [], f"{method} {url.path}"
    assert newer == NEWER


def test_every_answer_is_one_of_the_description(gateway: PaymentGateway, sandbox: Sandbox) -> None:
    a_whole_life(gateway, sandbox)
    for request, (status, _headers, content) in api_exchanges(sandbox):
        url, method = urlsplit(str(request.url)), str(request.method)
        answers = operation(method, url.path)["responses"]
        schema = answers.get(str(status), answers["default"])["content"]["application/json"]["schema"]
        assert list(faults(json.loads(content), schema)) == [], f"{method} {url.path}"


def test_every_event_is_one_of_the_description(gateway: PaymentGateway, sandbox: Sandbox) -> None:
    a_whole_life(gateway, sandbox)
    for body in sandbox.call_backs():
        event = json.loads(body)
        about = event["data"]["object"]
        assert list(faults(event, description()["components"]["schemas"]["event"])) == []
        assert list(faults(about, description()["components"]["schemas"][about["object"]])) == []


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/v1/payment_intents", {"amount": 100, "currency": "cny", "order": "1"}),
        ("/v1/payment_intents", {"amount": 1.5, "currency": "cny"}),
        ("/v1/payment_intents", {"amount": 100}),
        ("/v1/refunds", {"payment_intent": "pi_1", "reason": "regret"}),
        ("/v1/setup_intents", {"usage": "sometimes"}),
    ],
)
def test_a_request_that_is_none_of_it_is_found(path: str, form: dict[str, Any]) -> None:
    assert list(faults(form, parameters("POST", operation("POST", path))))


def test_an_answer_that_is_none_of_it_is_found(gateway: PaymentGateway, sandbox: Sandbox) -> None:
    gateway.create_payment(order_number="TU1", amount_fen=100)
    intent = json.loads(sandbox.exchanges[-1][1][2])
    schema = description()["components"]["schemas"]["payment_intent"]
    assert list(faults(intent, schema)) == []
    for field, wrong in (("status", "paid"), ("amount", "100"), ("customer", 7), ("livemode", None)):
        assert list(faults(intent | {field: wrong}, schema)), field
