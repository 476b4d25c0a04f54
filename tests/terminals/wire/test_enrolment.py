"""Proofs hold for one purpose, code, SAM and key; the documentation's are real."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from terminals.wire.enrolment import (
    ENROLMENT,
    ROTATION,
    plain_code,
    prove_possession,
    proves_possession,
)
from terminals.wire.signature import sign_request

PAGE = (Path(__file__).parents[3] / "docs" / "terminal-api.md").read_text("utf-8")
KEY, NEXT = (Ed25519PrivateKey.from_private_bytes(bytes(range(at, at + 32))) for at in (0, 32))
SAM = "397000000101"
FACTS: dict[str, Any] = {"purpose": ENROLMENT, "code": "ABCD2345", "terminal_no": SAM}


def raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def example(member: str) -> str:
    """The first body of the page that begins with this member."""
    return str(re.findall(rf'^    (\{{"{member}".*\}})$', PAGE, re.MULTILINE)[0])


@pytest.mark.parametrize(
    "change",
    [{}, {"purpose": ROTATION}, {"code": "ABCD2346"}, {"terminal_no": "0" * 12}, {"public_key": raw(NEXT)}],
)
def test_a_proof_holds_for_exactly_what_it_says(change: dict[str, Any]) -> None:
    proof = bytes.fromhex(prove_possession(**FACTS, key=KEY))
    right = {**FACTS, "public_key": raw(KEY)}
    assert proves_possession(**right | change, proof=proof) is (not change)


def test_a_code_is_plain_however_it_is_typed() -> None:
    assert {plain_code(code) for code in ("ABCD-2345", " abcd 2345", "AbCd2345")} == {"ABCD2345"}


def test_the_enrolment_of_the_documentation() -> None:
    body = json.loads(example("code"))
    text = re.search(r"    (citizencard enrolment 1)\n    (.*)\n    (.*)\n    (.*)\n", PAGE)
    assert text is not None
    lines = "\n".join(text.groups())
    assert lines.split("\n")[1:] == [plain_code(body["code"]), body["terminal_no"], body["public_key"]]
    assert body["proof"] == KEY.sign(lines.encode()).hex() == prove_possession(**FACTS, key=KEY)


def test_the_rotation_of_the_documentation() -> None:
    body = json.loads(example("public_key"))
    assert body["public_key"] == raw(NEXT).hex()
    assert body["proof"] == prove_possession(purpose=ROTATION, code="shop-01", terminal_no=SAM, key=NEXT)


@pytest.mark.parametrize(
    ("member", "path"),
    [("public_key", "keys"), ("clock", "heartbeats"), ("events", "events"), ("business_date", "totals")],
)
def test_the_signatures_of_the_documentation(member: str, path: str) -> None:
    body = example(member)
    url = f"http://127.0.0.1:8000/api/v1/{path}"
    request = requests.Request("POST", url, data=body.encode()).prepare()
    sign_request(
        request, terminal_code="shop-01", key=KEY, created=datetime.fromtimestamp(1_772_424_000, UTC)
    )
    headers = [
        f"    {name}: {request.headers[name]}" for name in ("Content-Digest", "Signature-Input", "Signature")
    ]
    assert "\n".join([f"    {body}", *headers]) in PAGE
