"""Where sealed values of people stand, and under which key and suite: what a rotation of keys has still to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from django.db import connection
from django.db.models import Model
from psycopg import sql

from accounts.models import Citizen, IdentityDocument, IssueApplication, IssueRow, PersonChange
from accounts.selectors.people import TABLE
from citizencard.core.pii import HEADER_BYTES, present_header


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of envelopes: `place` is the column's name in the place each was sealed for, `row_id` the column of its row id."""

    model: type[Model]
    name: str
    place: str
    row_id: str = "id"

    @property
    def table(self) -> str:
        """Of the database."""
        return self.model._meta.db_table

    def __str__(self) -> str:
        return f"{self.model._meta.verbose_name} · {self.place}"


COLUMNS: Final = (
    *(SealedColumn(Citizen, f"{name}_sealed", name) for name in ("name", "birth", "phone")),
    SealedColumn(IdentityDocument, "number_sealed", "document"),
    SealedColumn(PersonChange, "name_sealed", "name", "citizen_id"),
    *(SealedColumn(IssueApplication, f"{name}_sealed", name) for name in ("person", "photo")),
    *(
        SealedColumn(IssueRow, f"{name}_sealed", name, "citizen_key")
        for name in ("document", "name", "birth", "phone")
    ),
)
"""What a rotation seals anew. All of it was sealed for a place in `TABLE`, where a person once had everything in one row."""
KEPT: Final = {
    "settlement.BankFile": "append-only: the bytes as the bank had them",
    "settlement.DisputeEvidence": "append-only: evidence",
    "settlement.PayoutAccount": "approved by two people as it stands",
}
"""Sealed columns that stay under the key of their day: its version serves as long as they are kept."""


SUITE_NAMES: Final = {1: "AES-256-GCM", 2: "SM4-GCM"}
"""Of the numbers in envelopes."""


class Standing(NamedTuple):
    """How many values of a column are sealed with which suite and key version, and whether that is the present one."""

    column: SealedColumn
    suite: int
    version: int
    values: int
    is_present: bool


def standing() -> list[Standing]:
    """Of every column that a rotation seals anew. Reads the tables once. Raises KeyServiceUnavailable."""
    present, found = present_header(), list[Standing]()
    for column in COLUMNS:
        for header, count in _counts(column):
            suite, version = header[1], int.from_bytes(header[2:HEADER_BYTES])
            found.append(Standing(column, suite, version, count, header == present))
    return found


def waiting(rows: Sequence[Standing]) -> int:
    """How many values are not under the present key."""
    return sum(row.values for row in rows if not row.is_present)


def _counts(column: SealedColumn) -> list[tuple[bytes, int]]:
    statement = sql.SQL(
        "SELECT substring({name} FROM 1 FOR %s), count(*) FROM {table} WHERE length({name}) > %s GROUP BY 1 ORDER BY 1"
    ).format(name=sql.Identifier(column.name), table=sql.Identifier(column.table))
    with connection.cursor() as cursor:
        cursor.execute(statement, [HEADER_BYTES, HEADER_BYTES])
        return [(bytes(header), count) for header, count in cursor.fetchall()]


__all__ = ["COLUMNS", "KEPT", "SUITE_NAMES", "TABLE", "SealedColumn", "Standing", "standing", "waiting"]
