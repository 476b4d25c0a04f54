"""Single transfers as raw SQL: no service, no journal function in the way. Tables by full name: a test may hide them."""

from __future__ import annotations

import itertools
from typing import Any

import psycopg

DAY = "2026-11-02"
_keys = itertools.count(1)


def account(connection: psycopg.Connection[Any], code: str) -> int:
    """The id of a ledger account."""
    row = connection.execute(
        "SELECT id FROM public.accounts_ledgeraccount WHERE code = %s", [code]
    ).fetchone()
    assert row is not None, code
    found: int = row[0]
    return found


def purse_account(connection: psycopg.Connection[Any]) -> int:
    """The account of the city's first purse."""
    row = connection.execute("SELECT min(account_id) FROM public.accounts_purse").fetchone()
    assert row is not None
    found: int = row[0]
    return found


def journal(connection: psycopg.Connection[Any], day: str = DAY) -> int:
    """A journal to hang a transfer on."""
    row = connection.execute(
        "INSERT INTO public.accounts_journal (key, kind, actor, reason, source, business_date, posted_at)"
        " VALUES (%s, 'raw', 'raw', '', 'raw', %s, now()) RETURNING id",
        [f"raw:{next(_keys)}", day],
    ).fetchone()
    assert row is not None
    made: int = row[0]
    return made


def transfer(connection: psycopg.Connection[Any], **changes: Any) -> None:
    """Insert one transfer, 1 yuan from the counter's cash to the first purse unless told otherwise."""
    values: dict[str, Any] = {
        "business_date": DAY,
        "kind": 59,
        "amount_fen": 100,
        "source_id": 7,
        "occurred_at": f"{DAY} 12:00+08",
    } | changes
    values.setdefault("debit_id", account(connection, "1011"))
    values.setdefault("credit_id", purse_account(connection))
    values.setdefault("journal_id", journal(connection, day=values["business_date"]))
    names = ", ".join(values)
    marks = ", ".join(f"%({name})s" for name in values)
    connection.execute(f"INSERT INTO public.accounts_transfer ({names}) VALUES ({marks})", values)


def balance_fen(connection: psycopg.Connection[Any]) -> int:
    """What the city's first purse holds."""
    row = connection.execute(
        "SELECT balance_fen FROM public.accounts_purse ORDER BY account_id LIMIT 1"
    ).fetchone()
    assert row is not None
    found: int = row[0]
    return found
