"""Where a person's data must never arrive: each sink read as text, and what of some words is found in it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from django.db import connection

from tests.cluster import FOLDER

_TABLES = """
SELECT format('%I.%I', nspname, relname) FROM pg_class JOIN pg_namespace AS space ON space.oid = relnamespace
WHERE nspname IN ('public', 'pgmq') AND relkind IN ('r', 'm') ORDER BY 1
"""


def database_text() -> Iterator[str]:
    """Every row of every table as `pg_dump` writes it: the text of COPY, inside this transaction, the broker's queues too."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        for (table,) in cursor.fetchall():
            with cursor.copy(f"COPY {table} TO STDOUT") as copy:
                yield from (bytes(chunk).decode() for chunk in copy)


def server_log() -> Iterator[str]:
    """What PostgreSQL itself wrote down; nothing where the server is not the run's own."""
    if folder := os.environ.get(FOLDER):
        yield from (file.read_text(errors="replace") for file in Path(folder).glob("**/*.log*"))


def found(words: Iterable[str], sinks: Mapping[str, Iterable[str]]) -> list[tuple[str, str]]:
    """Sink and word of every hit; in hexadecimal as well, which is how PostgreSQL shows bytes, and in JSON's escapes."""
    spelled = {
        spelling: word
        for word in words
        for spelling in (word, word.encode().hex(), word.encode("unicode_escape").decode())
    }
    return [
        (name, word)
        for name, texts in sinks.items()
        for text in texts
        for spelling, word in spelled.items()
        if spelling in text
    ]
