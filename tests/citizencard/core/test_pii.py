from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizencard.core import pii
from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.errors import KeyServiceError
from citizencard.core.pii import Kind, SealedField


@pytest.mark.parametrize(
    ("kind", "value", "spelling"),
    [
        (Kind.DOCUMENT, " 11010119900307123x ", "11010119900307123X"),
        (Kind.DOCUMENT, "１１０１０１ 19900307 123Ｘ", "11010119900307123X"),
        (Kind.PHONE, "138 1234-5678", "+8613812345678"),
        (Kind.PHONE, "+86 13812345678", "+8613812345678"),
        (Kind.PHONE, "0086-138-1234-5678", "+8613812345678"),
        (Kind.PHONE, "00852 2345 6789", "+85223456789"),
        (Kind.NAME, "  张　明 ", "张 明"),
        (Kind.NAME, "José", "José"),
        (Kind.TEXT, "a  b", "a b"),
    ],
)
def test_one_spelling_per_value(kind: Kind, value: str, spelling: str) -> None:
    assert pii.normalise(kind, value) == spelling


@given(st.sampled_from(Kind), st.text())
def test_normalising_twice_changes_nothing(kind: Kind, value: str) -> None:
    once = pii.normalise(kind, value)
    assert pii.normalise(kind, once) == once


def test_a_field_opens_in_its_row_only(key_service: KeyServiceClient) -> None:
    sealed = pii.seal("accounts_citizen", "name", 7, "张明")
    assert pii.reveal("accounts_citizen", "name", 7, sealed) == "张明"
    assert pii.reveal("accounts_citizen", "name", 7, memoryview(sealed)) == "张明"  # type: ignore[arg-type]  # as psycopg
    with pytest.raises(KeyServiceError):
        pii.reveal("accounts_citizen", "name", 8, sealed)


def test_many_fields(key_service: KeyServiceClient) -> None:
    items = [("t", "name", row, f"人{row}") for row in range(50)]
    sealed = pii.seal_many(items)
    fields = [SealedField(t, c, row, s) for (t, c, row, _), s in zip(items, sealed, strict=True)]
    assert pii.reveal_many(fields) == [value for *_, value in items]


def test_places_cannot_be_confused(key_service: KeyServiceClient) -> None:
    with pytest.raises(ValueError, match=r"hold no \|"):
        pii.seal("t|c", "", 1, "x")


def test_blind_index_sees_through_spelling(key_service: KeyServiceClient) -> None:
    index = pii.blind_index("accounts_citizen", "document", Kind.DOCUMENT, "11010119900307123X")
    same = pii.blind_index("accounts_citizen", "document", Kind.DOCUMENT, " 11010119900307123x")
    other = pii.blind_index("accounts_citizen", "phone", Kind.DOCUMENT, "11010119900307123X")
    assert index == same != other
