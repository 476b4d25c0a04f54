"""Signatures hold for one request and one moment; a fixed one shows the format does not drift."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from terminals.wire.errors import SignatureError
from terminals.wire.record import TapRecord
from terminals.wire.signature import SignedMessage, sign_request, verify_request
from tests.terminals.wire.test_record import RIGHT

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TOLERANCE = timedelta(seconds=300)
URL = "http://127.0.0.1:8000/api/v1/taps"


def signed(body: bytes = b'{"atc":5}', created: datetime | None = None) -> SignedMessage:
    request = requests.Request("POST", URL, data=body).prepare()
    sign_request(request, terminal_code="shop-01", key=KEY, created=created)
    return SignedMessage("POST", URL, dict(request.headers), body)


def find_key(code: str) -> bytes | None:
    return KEY.public_key().public_bytes_raw() if code == "shop-01" else None


def test_a_signed_request_names_its_terminal() -> None:
    assert verify_request(signed(), find_key=find_key, tolerance=TOLERANCE) == "shop-01"


def test_the_example_of_the_documentation() -> None:
    page = (Path(__file__).parents[3] / "docs" / "terminal-api.md").read_text("utf-8")
    body = TapRecord.from_dict(RIGHT).to_json()
    headers = signed(body.encode(), created=datetime.fromtimestamp(1_772_424_000, UTC)).headers
    assert f"    {body}\n" in page
    for name in ("Content-Digest", "Signature-Input", "Signature"):
        assert f"    {name}: {headers[name]}\n" in page
    assert KEY.public_key().public_bytes_raw().hex() in page


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"method": "PUT"}, "signature_invalid"),
        ({"url": "http://127.0.0.1:8001/api/v1/taps"}, "signature_invalid"),
        ({"url": "http://127.0.0.1:8000/api/v1/batches"}, "signature_invalid"),
        ({"body": b"{}"}, "digest_mismatch"),
        ({"headers": {}}, "signature_missing"),
    ],
)
def test_another_request_does_not_pass(change: dict[str, object], code: str) -> None:
    with pytest.raises(SignatureError) as refused:
        verify_request(replace(signed(), **change), find_key=find_key, tolerance=TOLERANCE)  # type: ignore[arg-type]
    assert refused.value.code == code


@pytest.mark.parametrize("seconds", [-301, 301])
def test_another_time_does_not_pass(seconds: int) -> None:
    message = signed(created=datetime.now(UTC) + timedelta(seconds=seconds))
    with pytest.raises(SignatureError) as refused:
        verify_request(message, find_key=find_key, tolerance=TOLERANCE)
    assert refused.value.code == "signature_stale"


@pytest.mark.parametrize("seconds", [-290, 290])
def test_a_clock_a_little_off_passes(seconds: int) -> None:
    message = signed(created=datetime.now(UTC) + timedelta(seconds=seconds))
    assert verify_request(message, find_key=find_key, tolerance=TOLERANCE) == "shop-01"


def test_any_bit_of_the_signature_counts() -> None:
    message = signed()
    value = message.headers["Signature"]
    for at in range(len("terminal=:"), len(value) - 4, 7):
        other = "A" if value[at] != "A" else "B"
        headers = {**message.headers, "Signature": value[:at] + other + value[at + 1 :]}
        with pytest.raises(SignatureError):
            verify_request(replace(message, headers=headers), find_key=find_key, tolerance=TOLERANCE)


def test_trouble_with_looking_up_the_key_is_no_fault_of_the_signature() -> None:
    def no_database(code: str) -> bytes | None:
        raise ConnectionError("the database has gone")

    with pytest.raises(ConnectionError):
        verify_request(signed(), find_key=no_database, tolerance=TOLERANCE)
