"""Every operation of the published description, called by schemathesis with what fits it and what does not, in every role.

No answer is a fault of ours, and each one is an answer that the description names: status, media type and form. What
fits no description is refused. `EXAMPLES=5000` calls so often in each role.
"""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode, checks

from accounts.models import Card
from terminals.api.fare_views import FareThrottle
from terminals.services.fleet import revoke_terminal
from terminals.services.online import pace
from terminals.wire.batch import MEDIA_TYPE as NDJSON
from terminals.wire.batch import build_batch
from terminals.wire.signature import sign_request
from terminals.wire.txn import MEDIA_TYPE as TXN
from tests.terminals.chips import paid_order
from tests.terminals.field import HOST, Field, deliver, make_merchant

pytestmark = pytest.mark.django_db
EXAMPLES = int(os.environ.get("EXAMPLES", "60"))
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
CONFIG = schemathesis.Config.from_dict(
    {
        "checks": {"negative_data_rejection": {"expected-statuses": ["4xx"]}},
        "generation": {"with-security-parameters": False},  # we sign
    }
)
PLACES = {
    "kind": ["hot_list", "parameters", "tariffs", "next_key"],
    "since": [0, 7],
    "nonce": ["ab" * 16],
    "code": ["flat"],
    "version": [1],
    "before": [1],
    "size": [1, 9],
}
"""What there is under addresses."""


@pytest.fixture(scope="module")
def operations() -> list[APIOperation]:
    """Those of the description as it is published."""
    made = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]  # library
    whole = schemathesis.openapi.from_dict(json.loads(json.dumps(made)), config=CONFIG)
    return [found.ok() for found in whole.get_all_operations()]


@cache
def cases(operation: APIOperation, mode: GenerationMode) -> st.SearchStrategy[Case]:
    """Made once: reading a schema takes longer than calling the operation."""
    return operation.as_strategy(mode)


@schemathesis.serializer(NDJSON, TXN)
def as_text(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """Lines are text; what is no text is sent as JSON all the same."""
    return (value if isinstance(value, str) else json.dumps(value)).encode("utf-8", "replace")


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions as fast as they come."""
    monkeypatch.setattr(pace, "PER_MINUTE", 10_000_000)
    monkeypatch.setattr(FareThrottle, "rate", "10000000/min")


@pytest.fixture(params=["unsigned", "revoked", "good", "other"])
def caller(request: pytest.FixtureRequest, field: Field, card: Card) -> tuple[str, Field]:
    """Who calls, beside a terminal that has uploaded batch B1."""
    field.post_batch(build_batch("B1", [field.tap(card, 1)]))
    role = str(request.param)
    if role == "other":
        return role, Field.install(field.keys, merchant=make_merchant("SHOP", "shop"))
    if role == "revoked":
        revoke_terminal(terminal=field.terminal, actor="clerk", reason="stolen")
    return role, field


def answer_to(case: Case, caller: tuple[str, Field]) -> schemathesis.Response:
    """What the centre says to this caller."""
    role, who = caller
    request = requests.Request(**case.as_transport_kwargs(base_url=HOST)).prepare()
    if role != "unsigned":
        sign_request(request, terminal_code=who.terminal.code, key=who.private_key)
    answer = deliver(request)
    headers = {name: [value] for name, value in answer.headers.items()}
    return schemathesis.Response(answer.status_code, headers, answer.content, request, 0, verify=True)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_every_answer_is_one_that_is_described(
    operations: list[APIOperation], caller: tuple[str, Field], card: Card, data: st.DataObject
) -> None:
    operation = data.draw(st.sampled_from(operations))
    mode = data.draw(st.sampled_from(list(GenerationMode)))
    case = data.draw(cases(operation, mode))
    if mode is GenerationMode.POSITIVE and data.draw(st.booleans()):
        places = PLACES | {"number": ["B1", paid_order(card, 100).number]}
        case.path_parameters = {
            name: data.draw(st.sampled_from(places[name])) for name in case.path_parameters
        }
    response = answer_to(case, caller)
    case.validate_response(response, checks=CHECKS)
    role = caller[0]
    if role in ("unsigned", "revoked") and operation.definition.raw.get("security"):
        assert response.status_code in (401, 404, 413)
    if role == "other" and operation.label == "GET /api/v1/batches/{number}":
        assert response.status_code != 200


def test_the_examples_of_the_description_are_what_it_describes(
    operations: list[APIOperation], field: Field
) -> None:
    count = 0
    for operation in operations:
        for media_type, content in operation.definition.raw.get("requestBody", {}).get("content", {}).items():
            for example in content.get("examples", {}).values():
                places = {"number": "TU1"} if "{number}" in operation.path else {}
                case = operation.Case(body=example["value"], media_type=media_type, path_parameters=places)
                response = answer_to(case, ("good", field))
                assert response.status_code != 400, response.content
                case.validate_response(response, checks=CHECKS)
                count += 1
    assert count >= 6


@pytest.mark.parametrize("path", ["inquiries", "loads", "loads/TU1/confirmation", "reversals", "refunds"])
def test_what_is_too_large_or_of_another_kind_is_refused_early(field: Field, path: str) -> None:
    large = deliver(field.signed("POST", f"/api/v1/{path}", b" " * 2_000, "application/json"))
    other = deliver(field.signed("POST", f"/api/v1/{path}", b"{}", "text/plain"))
    assert (large.status_code, other.status_code) == (413, 415)


@pytest.mark.parametrize(
    "path",
    [
        "inquiries",
        "loads",
        "loads/TU202603020A1B2C3D4E5F/confirmation",
        "reversals",
        "refunds",
        "greys",
        "rides",
    ],
)
def test_the_signatures_of_the_documentation(path: str) -> None:
    page = (Path(__file__).parents[3] / "docs" / "terminal-api.md").read_text("utf-8")
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    found = 0
    for body in re.findall(r"^    (\{.*\})\n    Content-Digest", page, re.M):
        url = f"http://127.0.0.1:8000/api/v1/{path}"
        request = requests.Request("POST", url, data=body.encode()).prepare()
        sign_request(
            request, terminal_code="shop-01", key=key, created=datetime.fromtimestamp(1_772_424_000, UTC)
        )
        names = ("Content-Digest", "Signature-Input", "Signature")
        found += "\n".join([body, *(f"    {name}: {request.headers[name]}" for name in names)]) in page
    assert found == 1
