"""Personal data in rows: sealed for their place, found by blind index, shown masked, opened for the system's own work."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from citizencard.core.keyservice.client import key_service
from citizencard.core.masks import mask_card, mask_document, mask_name, mask_phone

__all__ = [
    "Kind",
    "SealedField",
    "blind_index",
    "blind_indexes",
    "mask_card",
    "mask_document",
    "mask_name",
    "mask_phone",
    "normalise",
    "present_header",
    "reseal_many",
    "reveal",
    "reveal_many",
    "seal",
    "seal_many",
]


class Kind(StrEnum):
    """What a value is; decides how it is brought into one spelling before it is indexed."""

    NAME = "name"
    DOCUMENT = "document"
    PHONE = "phone"
    TEXT = "text"


class SealedField(NamedTuple):
    """One sealed value and the place it was sealed for."""

    table: str
    column: str
    row_id: object
    sealed: bytes


def normalise(kind: Kind, value: str) -> str:
    """One spelling per value: NFKC and trimmed; documents upper-case without spaces; phones E.164 (+86 at home)."""
    text = unicodedata.normalize("NFKC", value).strip()
    if kind is Kind.DOCUMENT:
        # Taking out a space or changing case can leave a sequence that is not NFKC any more.
        return unicodedata.normalize("NFKC", "".join(text.split()).upper())
    if kind is Kind.PHONE:
        digits = "".join(c for c in text if c.isdecimal() or c == "+")
        digits = "+" + digits[2:] if digits.startswith("00") else digits
        return digits if digits.startswith("+") else "+86" + digits
    return " ".join(text.split())


def seal(table: str, column: str, row_id: object, value: str) -> bytes:
    """The envelope to store in that row's column; it opens nowhere else. Row ids must be known before sealing."""
    return seal_many([(table, column, row_id, value)])[0]


def seal_many(items: Iterable[tuple[str, str, object, str]]) -> list[bytes]:
    """Envelopes of (table, column, row id, value), in one call for a whole batch."""
    return key_service().seal_fields([(_place(t, c, row), value) for t, c, row, value in items])


def reveal(table: str, column: str, row_id: object, sealed: bytes) -> str:
    """The value, for the system's own work and for its owner; staff get it through `accounts.services.diary`."""
    return reveal_many([SealedField(table, column, row_id, sealed)])[0]


def reveal_many(fields: Sequence[SealedField]) -> list[str]:
    """The values of many sealed fields, in one call."""
    return key_service().open_fields([(_place(f.table, f.column, f.row_id), bytes(f.sealed)) for f in fields])


HEADER_BYTES: Final = 6
"""The beginning of an envelope that says its version, suite and key."""


def present_header() -> bytes:
    """How everything begins that is sealed now."""
    return seal("rotation", "probe", "0", "")[:HEADER_BYTES]


def reseal_many(fields: Sequence[SealedField]) -> list[bytes]:
    """The same values in envelopes of now, for the rotation of keys; a worker's work, whoever starts it."""
    service = key_service("worker")
    places = [_place(field.table, field.column, field.row_id) for field in fields]
    opened = service.open_fields(
        [(place, bytes(field.sealed)) for place, field in zip(places, fields, strict=True)]
    )
    return service.seal_fields(list(zip(places, opened, strict=True)))


def blind_index(table: str, column: str, kind: Kind, value: str) -> bytes:
    """32 bytes that are equal for equal values of this column: store beside the sealed value, unique or indexed."""
    return blind_indexes(table, column, kind, [value])[0]


def blind_indexes(table: str, column: str, kind: Kind, values: Iterable[str]) -> list[bytes]:
    """The blind index of each value, in one call for a whole batch."""
    return key_service().blind_index(f"{table}.{column}", [normalise(kind, value) for value in values])


def _place(table: str, column: str, row_id: object) -> str:
    if "|" in table or "|" in column:
        raise ValueError("table and column names hold no |")
    return f"{table}|{column}|{row_id}"
