"""What the application may insert, the database still judges: raw SQL posts nothing that the ledger's rules refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.citizencard.database.ledger import account, balance_fen, journal, purse_account, transfer

Connection = psycopg.Connection[Any]

ACCOUNT = "INSERT INTO accounts_ledgeraccount (code, chart, side, name, state, control_id) VALUES"


def to_a_frozen_account(app: Connection) -> None:
    app.execute("UPDATE accounts_ledgeraccount SET state = 'frozen' WHERE code = '1011'")
    transfer(app)


def on_a_closed_day(app: Connection) -> None:
    close_the_day(app)
    transfer(app)


def close_the_day(app: Connection) -> None:
    app.execute("UPDATE core_businessday SET state = 'closing'")
    app.execute("UPDATE core_businessday SET state = 'closed'")


def open_a_closed_day(app: Connection) -> None:
    close_the_day(app)
    app.execute("UPDATE core_businessday SET state = 'open'")


def on_anothers_journal_day(app: Connection) -> None:
    app.execute(
        "INSERT INTO core_businessday (date, state, opened_at) VALUES ('2026-11-03', 'closing', now())"
    )
    transfer(app, journal_id=journal(app, day="2026-11-03"))


def with_a_taken_id(app: Connection) -> None:
    row = app.execute("SELECT max(id) FROM accounts_transfer").fetchone()
    assert row is not None
    transfer(app, id=row[0])


def twice_for_one_source(app: Connection) -> None:
    transfer(app)
    transfer(app)


def before_its_purse_is_there(app: Connection) -> None:
    app.execute(f"{ACCOUNT} ('2012.new', '2012', 'C', '', 'open', %s)", [account(app, "2012")])
    transfer(app, credit_id=account(app, "2012.new"))


def a_purse_account_without_control(app: Connection) -> None:
    app.execute(f"{ACCOUNT} ('2012.new', '2012', 'C', '', 'open', NULL)")


def a_purse_with_money(app: Connection) -> None:
    app.execute(f"{ACCOUNT} ('2013.new', '2013', 'C', '', 'open', %s)", [account(app, "2012")])
    app.execute(
        "INSERT INTO accounts_purse (card_id, kind, account_id, balance_fen, held_fen, floor_fen, ceiling_fen, movements)"
        " SELECT min(card_id), 'account', %s, 100, 0, 0, 1000, 1 FROM accounts_purse",
        [account(app, "2013.new")],
    )


def a_purse_that_must_hold_something(app: Connection) -> None:
    app.execute(f"{ACCOUNT} ('2013.new', '2013', 'C', '', 'open', %s)", [account(app, "2012")])
    app.execute(
        "INSERT INTO accounts_purse (card_id, kind, account_id, balance_fen, held_fen, floor_fen, ceiling_fen, movements)"
        " SELECT min(card_id), 'account', %s, 0, 0, 1, 1000, 0 FROM accounts_purse",
        [account(app, "2013.new")],
    )


def two_dates_at_once(app: Connection) -> None:
    app.execute("UPDATE core_businessday SET state = 'closing'")
    app.execute("INSERT INTO core_businessday (date, state, opened_at) VALUES ('2026-11-03', 'open', now())")
    app.execute(
        "INSERT INTO accounts_transfer (business_date, kind, debit_id, credit_id, amount_fen, journal_id, source_id,"
        " occurred_at) SELECT day::date, 59, %s, %s, 100, journal, 7, now() FROM (VALUES ('2026-11-02', %s),"
        " ('2026-11-03', %s)) AS posted (day, journal)",
        [account(app, "1011"), purse_account(app), journal(app), journal(app, day="2026-11-03")],
    )


def beyond_the_floor(app: Connection) -> None:
    beyond = balance_fen(app) + 1
    transfer(app, debit_id=purse_account(app), credit_id=account(app, "1011"), amount_fen=beyond)


REFUSED: dict[str, tuple[Callable[[Connection], None], str]] = {
    "nothing": (lambda app: transfer(app, amount_fen=0), "transfer_amount_positive"),
    "less than nothing": (lambda app: transfer(app, amount_fen=-100), "transfer_amount_positive"),
    "to itself": (
        lambda app: transfer(app, debit_id=purse_account(app)),
        "transfer_between_two_accounts",
    ),
    "to an unknown account": (lambda app: transfer(app, debit_id=-1), "ledger_account_open"),
    "to a frozen account": (to_a_frozen_account, "ledger_account_open"),
    "on a closed day": (on_a_closed_day, "business_day_open"),
    "on a day opened again": (open_a_closed_day, "business_day_moves_forward"),
    "in no journal": (lambda app: transfer(app, journal_id=-1), "transfer_in_journal"),
    "in a journal of another day": (on_anothers_journal_day, "transfer_in_journal"),
    "with an id that is taken": (with_a_taken_id, "accounts_transfer_20261102_pkey"),
    "twice for one source": (twice_for_one_source, "accounts_transfer_20261102_business_date_kind_source_id_cre_idx"),
    "before its purse is there": (before_its_purse_is_there, "ledger_account_open"),
    "to a purse outside the books": (a_purse_account_without_control, "ledger_account_of_purse_has_control"),
    "as a purse that begins with money": (a_purse_with_money, "purse_begins_empty"),
    "as a purse that must hold something": (a_purse_that_must_hold_something, "purse_floor_not_positive"),
    "for two dates at once": (two_dates_at_once, "transfer_in_journal"),
    "beyond the floor": (beyond_the_floor, "purse_floor"),
    "beyond the ceiling": (lambda app: transfer(app, amount_fen=10_000_000), "purse_ceiling"),
}  # fmt: skip


@pytest.mark.parametrize(("attempt", "rule"), REFUSED.values(), ids=REFUSED.keys())
def test_no_transfer(app: Connection, attempt: Callable[[Connection], None], rule: str) -> None:
    with pytest.raises(psycopg.IntegrityError) as refusal:
        attempt(app)
    assert refusal.value.diag.constraint_name == rule


def test_no_transfer_on_a_day_that_was_never_opened(app: Connection) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="no partition"):
        transfer(app, business_date="2031-01-01")


def test_an_amount_that_no_balance_can_hold(app: Connection) -> None:
    with pytest.raises(psycopg.errors.NumericValueOutOfRange):
        transfer(app, amount_fen=2**63 - 1)


def test_an_honest_transfer_moves_purse_and_tally(app: Connection) -> None:
    """The control: the same statement with nothing wrong in it."""
    cash = "SELECT sum(debit_fen - credit_fen) FROM accounts_tally WHERE account_id = %s"
    purse, till = balance_fen(app), app.execute(cash, [account(app, "1011")]).fetchone()
    transfer(app)
    assert balance_fen(app) == purse + 100
    now = app.execute(cash, [account(app, "1011")]).fetchone()
    assert now is not None
    assert till is not None
    assert now[0] == till[0] + 100
