"""Signed documents: taken when everything is right; with anything wrong, what was held stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from terminals.wire.lists import Document, ListError, Signer, Trust, sha256, updated, whole
from terminals.wire.packed import PackedCards

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)


def signer(seed: int = 0) -> Signer:
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return Signer(key.public_key().public_bytes_raw(), key.sign)


CENTRE = signer()
TRUST = Trust.installed(CENTRE.public_key)
FIRST = PackedCards.pack({"3104397000000000001": NOW, "3104397000000000002": NOW})
SECOND = PackedCards.pack({"3104397000000000002": NOW, "3104397000000000003": NOW})
WHOLE = CENTRE.hot_list(4, FIRST, issued_at=NOW)
CHANGE = CENTRE.hot_list_change(4, FIRST, 5, SECOND, issued_at=NOW)


def taken(held: Document | None, data: bytes, now: datetime = NOW) -> Document:
    document = Document.from_bytes(data)
    TRUST.verify(document, now)
    return updated(held, document, "hot_list")


def rule_of(held: Document | None, data: bytes, now: datetime = NOW) -> str:
    with pytest.raises(ListError) as caught:
        taken(held, data, now)
    return caught.value.rule


def test_the_statement_has_one_form() -> None:
    line, signature, content = WHOLE.to_bytes().split(b"\n", 2)
    assert line == (
        b'{"kind":"hot_list","version":4,"previous":0,"issued_at":"2026-03-02T04:00:00+00:00","count":2,'
        b'"digest":"%(digest)s","result":"%(digest)s","key_id":"139e3940e64b5491"}'
        % {b"digest": sha256(FIRST.to_bytes()).encode()}
    )
    assert len(signature) == 128
    assert content == FIRST.to_bytes()
    assert Document.from_bytes(WHOLE.to_bytes()) == WHOLE


def test_a_whole_list_and_a_difference_are_taken() -> None:
    held = taken(None, WHOLE.to_bytes())
    assert held == WHOLE
    held = taken(held, CHANGE.to_bytes())
    assert held.content == SECOND.to_bytes()
    assert whole(held, "hot_list") == SECOND.to_bytes()
    assert taken(held, CENTRE.hot_list(5, SECOND, issued_at=NOW).to_bytes()) is held


@given(st.integers(0, 10_000), st.integers(1, 255), st.booleans())
def test_a_changed_byte_is_never_taken(at: int, mask: int, change: bool) -> None:
    data = bytearray((CHANGE if change else WHOLE).to_bytes())
    data[at % len(data)] ^= mask
    assert rule_of(WHOLE if change else None, bytes(data)) in ("format", "key", "signature", "digest")


@given(st.binary())
def test_noise_is_a_format_error(data: bytes) -> None:
    with pytest.raises(ListError, match="format"):
        Document.from_bytes(data)


def test_each_wrong_has_its_own_rule() -> None:
    newer = taken(WHOLE, CHANGE.to_bytes())
    assert rule_of(newer, WHOLE.to_bytes()) == "rollback"
    assert rule_of(WHOLE, CENTRE.hot_list(4, SECOND, issued_at=NOW).to_bytes()) == "rollback"
    assert rule_of(None, CHANGE.to_bytes()) == "previous"
    assert rule_of(WHOLE, CENTRE.hot_list_change(3, FIRST, 6, SECOND, issued_at=NOW).to_bytes()) == "previous"
    assert rule_of(None, signer(1).hot_list(9, FIRST, issued_at=NOW).to_bytes()) == "key"
    stolen = replace(WHOLE, statement=replace(WHOLE.statement, version=9))
    assert rule_of(None, stolen.to_bytes()) == "signature"
    assert rule_of(None, CENTRE.document("tariffs", 9, b"{}", count=1, issued_at=NOW).to_bytes()) == "kind"
    assert rule_of(None, CENTRE.hot_list(9, FIRST, issued_at=NOW + timedelta(hours=1)).to_bytes()) == "future"
    short = CENTRE.document("hot_list", 9, FIRST.to_bytes(), count=3, issued_at=NOW)
    assert rule_of(None, short.to_bytes()) == "count"
    mislabelled = replace(CHANGE.statement, digest=sha256(b"something else"))
    signed = CENTRE.sign(b"citizencard document 1\n" + mislabelled.to_bytes())
    assert rule_of(WHOLE, Document(mislabelled, signed, CHANGE.content).to_bytes()) == "digest"
    other = PackedCards.pack({"3104397000000000001": NOW})
    assert rule_of(replace(WHOLE, content=other.to_bytes()), CHANGE.to_bytes()) == "digest"


def test_the_next_key_is_named_by_the_present_one_and_takes_over() -> None:
    following = signer(1)
    late, end = NOW + timedelta(days=7), NOW + timedelta(days=14)
    named = CENTRE.next_key(1, following.public_key, valid_from=late, present_until=end, issued_at=NOW)
    trust = TRUST.rotated(named, NOW)
    old, new = CENTRE.hot_list(1, FIRST, issued_at=NOW), following.hot_list(1, FIRST, issued_at=NOW)
    for when, good in (
        (NOW, [old]),
        (late, [old, new]),
        (end, [old, new]),
        (end + timedelta(seconds=1), [new]),
    ):
        for document in (old, new):
            if document in good:
                trust.verify(document, when)
            else:
                with pytest.raises(ListError, match="key"):
                    trust.verify(document, when)
    with pytest.raises(ListError, match="rollback"):
        trust.rotated(named, NOW)
    with pytest.raises(ListError, match="kind"):
        trust.rotated(CENTRE.document("tariffs", 2, b"{}", count=1, issued_at=NOW), NOW)
    third = following.next_key(2, signer(2).public_key, valid_from=end, present_until=end, issued_at=NOW)
    assert len(trust.rotated(third, late).keys) == 3
    stranger = signer(3).next_key(2, signer(3).public_key, valid_from=NOW, present_until=end, issued_at=NOW)
    with pytest.raises(ListError, match="key"):
        trust.rotated(stranger, late)


def test_a_next_key_that_is_none_is_refused() -> None:
    for content in (
        b"",
        b"{}",
        b'{"public_key":"00","valid_from":"2026-01-01","present_until":"2026-01-01"}',
    ):
        with pytest.raises(ListError, match="format"):
            TRUST.rotated(CENTRE.document("next_key", 1, content, count=1, issued_at=NOW), NOW)
