"""Sealing people's data anew under the present key, beside everybody who works: in chunks, each a transaction, to be cut off anywhere.

What is done is read off the envelopes themselves. A value that somebody has changed meanwhile is left alone: it is of the present
key already.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.db import connection, transaction
from psycopg import sql

from citizencard.core.audit import record_audit
from citizencard.core.pii import HEADER_BYTES, SealedField, present_header, reseal_many
from citizencard.privacy.selectors.sealed import COLUMNS, TABLE, SealedColumn

CHUNK: Final = 500
_READ = """
SELECT id, {row_id}, {name} FROM {table}
WHERE id > %(after)s AND length({name}) > %(header_bytes)s AND substring({name} FROM 1 FOR %(header_bytes)s) <> %(header)s
ORDER BY id LIMIT %(chunk)s
"""
_FIRST = _READ.replace("id > %(after)s AND ", "")
_WRITE = """
UPDATE {table} AS kept SET {name} = given.after
FROM unnest(%(ids)s, %(before)s::bytea[], %(after)s::bytea[]) AS given (id, before, after)
WHERE kept.id = given.id AND kept.{name} = given.before
"""


def reseal_all() -> Iterator[int]:
    """Seal everything anew that is not under the present key; after each chunk, how many values it was.

    Audited at the end, if there was anything. Raises KeyServiceError (a quota is used up: go on later), KeyServiceUnavailable.
    """
    header, done = present_header(), 0
    for column in COLUMNS:
        for sealed in _reseal(column, header):
            done += sealed
            yield sealed
    if done:
        record_audit(
            actor="rotation", action="personal_data.reseal", subject="personal_data", detail={"values": done}
        )


def _reseal(column: SealedColumn, header: bytes) -> Iterator[int]:
    after: object = None
    while rows := _rows(column, header, after):
        after = rows[-1][0]
        fields = [SealedField(TABLE, column.place, row_id, bytes(sealed)) for _pk, row_id, sealed in rows]
        yield _write(column, [pk for pk, _row_id, _sealed in rows], fields, reseal_many(fields))


def _rows(column: SealedColumn, header: bytes, after: object) -> list[tuple[Any, Any, Any]]:
    """The next ones that are of another key; an index of the primary key leads there, so that memory stays small."""
    values: dict[str, Any] = {"after": after, "header": header, "header_bytes": HEADER_BYTES, "chunk": CHUNK}
    with connection.cursor() as cursor:
        cursor.execute(_for(column, _FIRST if after is None else _READ), values)
        return list(cursor.fetchall())


@transaction.atomic
def _write(column: SealedColumn, ids: list[Any], before: list[SealedField], after: list[bytes]) -> int:
    values = {"ids": ids, "before": [bytes(field.sealed) for field in before], "after": after}
    with connection.cursor() as cursor:
        cursor.execute(_for(column, _WRITE), values)
        changed: int = cursor.rowcount
    return changed


def _for(column: SealedColumn, statement: str) -> sql.Composed:
    return sql.SQL(statement).format(
        name=sql.Identifier(column.name),
        table=sql.Identifier(column.table),
        row_id=sql.Identifier(column.row_id),
    )
