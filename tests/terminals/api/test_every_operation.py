"""Every operation of the published description, with bodies made from it: what fits and what does not, signed and unsigned.

No answer is a fault of ours, and each one is an answer that the description names, of the form that it gives.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from accounts.models import Card
from terminals.services.online import pace
from terminals.wire.signature import sign_request
from tests.factories import NOON
from tests.terminals.chips import paid_order
from tests.terminals.field import Field, deliver

pytestmark = pytest.mark.django_db
Schema = dict[str, Any]
EXAMPLES = int(os.environ.get("EXAMPLES", "4"))
NEAR = [0, 1, 255, 256, 0xFFFF, 0x1_0000, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, -1]
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.sampled_from(NEAR), st.floats(allow_nan=False), st.text(max_size=50),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
    st.sampled_from(["\x00", "١٢", "9" * 10_000, "2026-13-01T00:00:00+08:00", "2026-03-02T12:00:00", "\ud800"]),
)  # fmt: skip


def description() -> Schema:
    """The description as it is published."""
    made: Schema = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]  # library
    return json.loads(json.dumps(made))  # type: ignore[no-any-return]


def operations(whole: Schema) -> Iterator[tuple[str, str, Schema]]:
    for path, methods in whole["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def fitting(schema: Schema, whole: Schema) -> st.SearchStrategy[Any]:
    """Values that a schema allows, as far as our descriptions go."""
    if "$ref" in schema:
        return fitting(whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]], whole)
    if "allOf" in schema or "oneOf" in schema:
        return st.one_of(*(fitting(part, whole) for part in schema.get("allOf") or schema["oneOf"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kinds = schema.get("type", "object")
    if isinstance(kinds, list):
        return st.one_of(*(fitting(schema | {"type": kind}, whole) for kind in kinds))
    if kinds == "object":
        fields = {name: fitting(field, whole) for name, field in schema.get("properties", {}).items()}
        needed = {name: field for name, field in fields.items() if name in schema.get("required", [])}
        return st.fixed_dictionaries(
            needed, optional={name: field for name, field in fields.items() if name not in needed}
        )
    return of_kind(kinds, schema, whole)


def of_kind(kind: str, schema: Schema, whole: Schema) -> st.SearchStrategy[Any]:
    low, high = schema.get("minimum", -(2**31)), schema.get("maximum", 2**31)
    simple = {
        "null": st.none(),
        "boolean": st.booleans(),
        "integer": st.integers(low, high) | st.sampled_from([low, high]),
    }
    if kind in simple:
        return simple[kind]
    if kind == "array":
        most = min(schema.get("maxItems", 3), 3)
        return st.lists(fitting(schema["items"], whole), min_size=schema.get("minItems", 0), max_size=most)
    if schema.get("format") == "date-time":
        return st.sampled_from([NOON.isoformat(), "2026-03-02T12:00:00Z", "2001-01-01T00:00:00+08:00"])
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].removesuffix("$") + r"\Z", alphabet="0123456789ABCDEFabcdef")
    most = schema.get("maxLength", 20)
    return st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=min(1, most), max_size=most)


def bodies(operation: Schema, whole: Schema) -> st.SearchStrategy[tuple[str, bytes]]:
    """(media type, body): what fits, what fits but for one field, and what is nothing at all."""
    content = operation.get("requestBody", {}).get("content")
    if not content:
        return st.just(("", b""))
    kinds = []
    for media_type, described in content.items():
        fits = fitting(described["schema"], whole)
        text = fits.map(lambda value: value if isinstance(value, str) else json.dumps(value))
        bent = st.tuples(fits, ODD, st.randoms(use_true_random=False)).map(
            lambda made: json.dumps(bend(*made))
        )
        bodies_of = st.one_of(text, bent, ODD.map(json.dumps)).map(lambda one: one.encode("utf-8", "replace"))
        kinds.append(st.tuples(st.just(media_type), bodies_of | st.binary(max_size=60)))
    return st.one_of(*kinds)


def bend(value: Any, odd: Any, chance: Any) -> Any:
    """One field made something else, or left out, or put in."""
    if not isinstance(value, dict) or not value:
        return odd
    name, how = chance.choice(sorted(value)), chance.randrange(4)
    if how == 0:
        return {field: kept for field, kept in value.items() if field != name}
    return value | ({"strange": odd} if how == 1 else {name: odd})


def judge(whole: Schema, operation: Schema, response: HttpResponse) -> None:
    """The answer is one of those described."""
    status = str(response.status_code)
    shown = (response.status_code, response.content[:300])
    assert response.status_code < 500, shown
    assert status in operation["responses"], shown
    content = operation["responses"][status].get("content")
    if content is None:
        return
    media_type = response.headers["Content-Type"].partition(";")[0]
    assert media_type in content, (media_type, *shown)
    if "json" not in media_type:
        return
    validator = Draft202012Validator({**content[media_type]["schema"], "components": whole["components"]})
    errors = [error.message for error in validator.iter_errors(json.loads(response.content))]
    assert errors == [], shown


WHOLE: Schema = {}
PLACES = {
    "kind": ["hot_list", "parameters", "tariffs", "next_key", "nothing"],
    "since": ["0", "7"],
    "nonce": ["ab" * 16],
    "code": ["flat", "nothing"],
    "version": ["1", "9"],
    "before": ["1"],
    "size": ["1", "9"],
}
"""What may stand in an address."""


def known() -> Schema:
    """Made once."""
    if not WHOLE:
        WHOLE.update(description())
    return WHOLE


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions as fast as they come."""
    monkeypatch.setattr(pace, "PER_MINUTE", 100_000)


@settings(
    max_examples=EXAMPLES * 16,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
@pytest.mark.usefixtures("unhurried")
def test_no_body_is_answered_otherwise_than_described(field: Field, card: Card, data: st.DataObject) -> None:
    whole = known()
    method, path, operation = data.draw(st.sampled_from(list(operations(whole))))
    media_type, body = data.draw(bodies(operation, whole))
    places = PLACES | {"number": ["B1", "x", paid_order(card, 100).number]}
    address = path.format(**{name: data.draw(st.sampled_from(values)) for name, values in places.items()})
    request = field.signed(method, address, body, media_type or "application/json")
    signed = data.draw(st.sampled_from([True, True, True, False]))
    if not signed:
        del request.headers["Signature"]
    response = deliver(request)
    if not signed and operation.get("security"):
        assert response.status_code in (401, 413)
    judge(whole, operation, response)


@pytest.mark.usefixtures("unhurried")
def test_the_examples_of_the_description_are_what_it_describes(field: Field, card: Card) -> None:
    whole, count = known(), 0
    for method, path, operation in operations(whole):
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            for example in content.get("examples", {}).values():
                body = json.dumps(example["value"]).encode()
                response = deliver(field.signed(method, path.replace("{number}", "TU1"), body, media_type))
                assert response.status_code != 400, response.content
                judge(whole, operation, response)
                count += 1
    assert count >= 6


@pytest.mark.parametrize("path", ["inquiries", "loads", "loads/TU1/confirmation", "reversals", "refunds"])
def test_what_is_too_large_or_of_another_kind_is_refused_early(field: Field, path: str) -> None:
    large = deliver(field.signed("POST", f"/api/v1/{path}", b" " * 2_000, "application/json"))
    other = deliver(field.signed("POST", f"/api/v1/{path}", b"{}", "text/plain"))
    assert (large.status_code, other.status_code) == (413, 415)


@pytest.mark.parametrize(
    "path",
    ["inquiries", "loads", "loads/TU202603020A1B2C3D4E5F/confirmation", "reversals", "refunds"],
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
