"""Only a terminal's own, fresh signature over this very request opens the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from accounts.models import Card
from terminals.models import Tap
from terminals.services.fleet import revoke_terminal
from terminals.wire.batch import build_batch
from tests.terminals.field import Field, deliver

pytestmark = pytest.mark.django_db
PATH = "/api/v1/batches"


@pytest.fixture
def body(field: Field, card: Card) -> bytes:
    return build_batch("B1", [field.tap(card, 1)])


def test_it_works(field: Field, body: bytes) -> None:
    assert deliver(field.signed("POST", PATH, body)).status_code == 200


def refused(response: object) -> str:
    """The reason of a 401, after checking its form and that nothing was posted."""
    assert response.status_code == 401  # type: ignore[attr-defined]
    assert response.headers["Content-Type"] == "application/problem+json"  # type: ignore[attr-defined]
    assert response.headers["WWW-Authenticate"].startswith("Signature")  # type: ignore[attr-defined]
    assert not Tap.objects.exists()
    return str(response.json()["code"])  # type: ignore[attr-defined]


def test_no_signature(field: Field, body: bytes) -> None:
    request = field.signed("POST", PATH, body)
    del request.headers["Signature"]
    assert refused(deliver(request)) == "signature_missing"


def test_a_changed_body(field: Field, body: bytes) -> None:
    request = field.signed("POST", PATH, body)
    request.body = body + b" "
    assert refused(deliver(request)) == "digest_mismatch"


def test_a_changed_body_with_a_fitting_digest(field: Field, body: bytes) -> None:
    request, other = field.signed("POST", PATH, body), field.signed("POST", PATH, body + b" ")
    request.body = other.body
    request.headers["Content-Digest"] = other.headers["Content-Digest"]
    assert refused(deliver(request)) == "signature_invalid"


def test_a_signature_for_another_address(field: Field, body: bytes) -> None:
    request = field.signed("POST", "/api/v1/taps", body)
    request.url = f"http://testserver{PATH}"
    assert refused(deliver(request)) == "signature_invalid"


def test_a_signature_that_leaves_the_body_out(field: Field, body: bytes) -> None:
    request, without = field.signed("POST", PATH, body), field.signed("POST", PATH)
    for name in ("Signature", "Signature-Input"):
        request.headers[name] = without.headers[name]
    assert refused(deliver(request)) == "signature_invalid"


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_signature_of_another_time(field: Field, body: bytes, minutes: int) -> None:
    created = datetime.now(UTC) + timedelta(minutes=minutes)
    assert refused(deliver(field.signed("POST", PATH, body, created=created))) == "signature_stale"


def test_another_key(field: Field, body: bytes) -> None:
    request = field.signed("POST", PATH, body, key=Ed25519PrivateKey.generate())
    assert refused(deliver(request)) == "signature_invalid"


def test_a_terminal_nobody_registered(field: Field, body: bytes) -> None:
    assert refused(deliver(field.signed("POST", PATH, body, terminal_code="T-X"))) == "terminal_unknown"


def test_a_revoked_terminal(field: Field, body: bytes) -> None:
    revoke_terminal(terminal=field.terminal, actor="clerk", reason="stolen")
    assert refused(deliver(field.signed("POST", PATH, body))) == "key_revoked"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Signature", "terminal=:AAAA:"),
        ("Signature", "!"),
        ("Signature-Input", 'terminal=("@method");created=1'),
        ("Signature-Input", ""),
        ("Signature-Input", "x" * 5000),
        ("Content-Digest", "sha-256=:AA==:"),
        ("Content-Digest", "md5=:AAAA:"),
    ],
)
def test_a_malformed_header_is_a_refusal_and_no_crash(
    field: Field, body: bytes, header: str, value: str
) -> None:
    request = field.signed("POST", PATH, body)
    request.headers[header] = value
    assert refused(deliver(request)) in {"signature_invalid", "digest_mismatch", "signature_stale"}
