"""The ledger: balanced by construction, posted once, and closed to everybody but the services."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.db import Error, IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.errors import (
    AccountNotOpen,
    BusinessDayClosed,
    InvalidLeg,
    PurseCeilingReached,
    PurseFloorReached,
)
from accounts.models import Card, Chart, Journal, LedgerAccount, Purse, Transfer
from accounts.selectors.balances import account_balance_fen, trial_balance
from accounts.services.ledger import Leg, open_account, post_journal, set_account_state
from citizencard.core.calendar import NoOpenBusinessDay, cut_off, open_business_day, seal
from citizencard.core.errors import Conflict
from citizencard.core.models import BusinessDay
from tests.accounts.threads import in_threads
from tests.factories import NOON, fill_purse, make_card, make_product
from tests.fixtures_accounts import TODAY

pytestmark = pytest.mark.django_db
_runs = itertools.count(1)


def leg(debit: int, credit: int, amount_fen: int, source_id: int = 1) -> Leg:
    return Leg(debit, credit, amount_fen, Transfer.Kind.PURCHASE, source_id, NOON)


def post(key: str, *legs: Leg, **changes: object) -> Journal:
    values: dict[str, object] = {"kind": "test", "actor": "test", "source": "test"} | changes
    return post_journal(key=key, legs=legs, **values)  # type: ignore[arg-type]


def execute_sql(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def totals() -> tuple[int, int]:
    rows = trial_balance()
    return sum(row.debit_fen for row in rows), sum(row.credit_fen for row in rows)


@pytest.fixture
def cash() -> LedgerAccount:
    return open_account(chart="1011")


@pytest.fixture
def bus() -> LedgerAccount:
    return open_account(chart="2202", owner="bus", name="泉州公交集团")


def test_an_account_is_opened_once_and_knows_its_side(cash: LedgerAccount, bus: LedgerAccount) -> None:
    assert open_account(chart="2202", owner="bus", name="another name") == bus
    assert (cash.code, cash.side, cash.label) == ("1011", "D", str(cash.get_chart_display()))
    assert (bus.code, bus.side, bus.label) == ("2202.bus", "C", "泉州公交集团")
    with pytest.raises(ValueError, match="9999"):
        open_account(chart="9999")


def test_a_posting_moves_its_amount(open_day: BusinessDay, cash: LedgerAccount, bus: LedgerAccount) -> None:
    journal = post("k", leg(cash.pk, bus.pk, 200), leg(cash.pk, bus.pk, 300, 2))
    assert journal.business_date == TODAY
    assert (account_balance_fen(cash.pk), account_balance_fen(bus.pk)) == (500, 500)
    assert set(Transfer.objects.values_list("journal_id", flat=True)) == {journal.pk}


def test_a_posting_is_one_statement(
    open_day: BusinessDay,
    cash: LedgerAccount,
    bus: LedgerAccount,
    django_assert_num_queries: Callable[..., object],
) -> None:
    """One call for one leg and for a thousand; within a transaction a savepoint and its release around it."""
    for count in (1, 1_000):
        legs = [leg(cash.pk, bus.pk, 1, count * 10_000 + at) for at in range(count)]
        with django_assert_num_queries(2):  # type: ignore[attr-defined]
            post(f"k{count}", *legs)


def test_a_repeat_returns_the_first_journal_and_moves_nothing(
    open_day: BusinessDay, cash: LedgerAccount, bus: LedgerAccount
) -> None:
    legs = [leg(cash.pk, bus.pk, 200), leg(cash.pk, bus.pk, 300, 2)]
    first = post("k", *legs)
    assert post("k", *reversed(legs)).pk == first.pk
    assert account_balance_fen(cash.pk) == 500


@pytest.mark.parametrize("change", ["amount_fen", "source_id", "kind"])
def test_the_same_key_for_something_else_is_a_conflict(
    change: str, open_day: BusinessDay, cash: LedgerAccount, bus: LedgerAccount
) -> None:
    first = leg(cash.pk, bus.pk, 200)
    post("k", first)
    other = dataclasses.replace(first, **{change: getattr(first, change) + 1})
    with pytest.raises(Conflict):
        post("k", other)
    assert account_balance_fen(cash.pk) == 200


def test_a_source_document_is_posted_once_under_any_key(
    open_day: BusinessDay, cash: LedgerAccount, bus: LedgerAccount
) -> None:
    post("k", leg(cash.pk, bus.pk, 200))
    with pytest.raises(Conflict):
        post("other", leg(cash.pk, bus.pk, 200))
    assert not Journal.objects.filter(key="other").exists()


@pytest.mark.parametrize("amount_fen", [0, -1])
def test_nothing_moves_backwards(amount_fen: int) -> None:
    with pytest.raises(InvalidLeg):
        leg(1, 2, amount_fen)


def test_a_transfer_has_two_accounts_and_a_zoned_time() -> None:
    with pytest.raises(InvalidLeg):
        leg(1, 1, 100)
    with pytest.raises(InvalidLeg):
        dataclasses.replace(leg(1, 2, 100), occurred_at=NOON.replace(tzinfo=None))
    with pytest.raises(InvalidLeg):
        post("empty")


def test_without_an_open_day_nothing_is_posted(cash: LedgerAccount, bus: LedgerAccount) -> None:
    with pytest.raises(NoOpenBusinessDay):
        post("k", leg(cash.pk, bus.pk, 200))


def test_a_purse_does_not_go_below_its_floor(open_day: BusinessDay, bus: LedgerAccount) -> None:
    card = make_card()
    fill_purse(card, 500)
    post("all of it", leg(card.purse.account_id, bus.pk, 500))
    with pytest.raises(PurseFloorReached):
        post("one more", leg(card.purse.account_id, bus.pk, 1, 2))
    assert not Journal.objects.filter(key="one more").exists()
    Purse.objects.filter(card=card).update(floor_fen=-800)
    post("overdraft", leg(card.purse.account_id, bus.pk, 800, 3))
    assert Purse.objects.get(card=card).balance_fen == -800


def test_a_closed_day_takes_nothing_and_the_next_goes_on(
    open_day: BusinessDay, cash: LedgerAccount, bus: LedgerAccount
) -> None:
    cut_off(TODAY)
    post("late, still closing", leg(cash.pk, bus.pk, 1), business_date=TODAY)
    seal(TODAY)
    with pytest.raises(BusinessDayClosed):
        post("too late", leg(cash.pk, bus.pk, 1, 2), business_date=TODAY)
    assert post("today", leg(cash.pk, bus.pk, 1, 3)).business_date == TODAY + timedelta(days=1)


def test_the_trial_balance_tells_each_chart_account(
    open_day: BusinessDay, cash: LedgerAccount, bus: LedgerAccount
) -> None:
    post("k", leg(cash.pk, bus.pk, 200))
    post("m", leg(cash.pk, open_account(chart="2202", owner="metro").pk, 300, 2))
    rows = {row.code: (row.debit_fen, row.credit_fen) for row in trial_balance(business_date=TODAY)}
    assert rows == {"1011": (500, 0), "2202": (0, 500)}
    assert trial_balance(business_date=TODAY - timedelta(days=1)) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    moves=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 90_000)), min_size=1, max_size=25
    ),
    journals=st.integers(1, 4),
)
def test_any_sequence_of_postings_balances_and_purses_are_sums(
    moves: list[tuple[int, int, int]], journals: int, open_day: BusinessDay, books: list[int]
) -> None:
    run = next(_runs) * 1_000
    legs = [leg(books[a], books[b], fen, run + at) for at, (a, b, fen) in enumerate(moves) if a != b]
    for at in range(journals):
        try:
            if part := legs[at::journals]:
                post(f"{run}:{at}", *part)
        except (PurseFloorReached, PurseCeilingReached):
            assert not Journal.objects.filter(key=f"{run}:{at}").exists()
    debit_fen, credit_fen = totals()
    assert debit_fen == credit_fen
    for purse in Purse.objects.all():
        assert purse.balance_fen == account_balance_fen(purse.account_id) >= 0


@pytest.fixture
def books(open_day: BusinessDay) -> list[int]:
    """Two purses and four other accounts."""
    purses = [make_card(state=Card.State.BLANK).purse.account_id for _ in range(2)]
    return [*purses, *(open_account(chart=chart).pk for chart in ("1011", "2031", "2241", "6001"))]


TOUCHING = {
    "update": "UPDATE {table} SET {column} = {column}",
    "delete": "DELETE FROM {table}",
    "truncate": "TRUNCATE {table} CASCADE",
}


@pytest.mark.parametrize("statement", TOUCHING.values(), ids=TOUCHING)
@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("accounts_transfer", "amount_fen"),
        ("accounts_transfer_20260302", "amount_fen"),
        ("accounts_journal", "reason"),
        ("accounts_cardevent", "reason"),
    ],
)
def test_raw_sql_changes_and_removes_nothing(
    statement: str, table: str, column: str, open_day: BusinessDay, cash: LedgerAccount, bus: LedgerAccount
) -> None:
    make_card()
    post("k", leg(cash.pk, bus.pk, 200))
    execute_sql("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(IntegrityError, match="append-only"):
        execute_sql(statement.format(table=table, column=column))


INSERT = """INSERT INTO {table}
    (business_date, kind, debit_id, credit_id, amount_fen, journal_id, source_id, occurred_at)
    VALUES ('{day}', 10, {debit}, {credit}, {amount}, {journal}, 99, now())"""


@pytest.mark.parametrize(
    "wrong",
    [
        {"table": "accounts_transfer_20260302"},
        {"amount": 0},
        {"amount": -5},
        {"amount": 2**63},
        {"debit": "{bus}"},
        {"debit": 0},
        {"credit": "(SELECT id FROM accounts_ledgeraccount WHERE state = 'frozen')"},
        {"credit": "(SELECT id FROM accounts_ledgeraccount WHERE state = 'closed')"},
        {"journal": 0},
        {"day": date(2026, 3, 1)},
        {"day": date(2031, 1, 1)},
    ],
    ids=[
        "past the parent", "zero", "negative", "overflow", "one account", "unknown account",
        "frozen account", "closed account", "unknown journal", "closed day", "no such day",
    ],
)  # fmt: skip
def test_raw_sql_inserts_nothing_that_breaks_a_rule(wrong: dict[str, object], bus: LedgerAccount) -> None:
    open_business_day(TODAY - timedelta(days=1))
    cut_off(TODAY - timedelta(days=1))
    seal(TODAY - timedelta(days=1))
    for state in ("frozen", "closed"):
        account = open_account(chart=Chart.MERCHANT_PAYABLE, owner=state)
        set_account_state(account=account, state=state, actor="finance", reason="test")
    cash = open_account(chart=Chart.COUNTER_CASH)
    journal = post("first", leg(cash.pk, bus.pk, 1)).pk
    right = {"table": "accounts_transfer", "day": TODAY, "debit": cash.pk, "credit": bus.pk, "amount": 5}
    values = {**right, "journal": journal} | wrong
    with pytest.raises(Error):
        execute_sql(INSERT.format(**values).format(bus=bus.pk))
    execute_sql(INSERT.format(**right, journal=journal))
    assert Transfer.objects.count() == 2


def test_one_transfer_and_a_set_of_them_move_the_same(open_day: BusinessDay, bus: LedgerAccount) -> None:
    """One alone goes another way through the database than several do, and a purse's own control account is a party like any."""
    cash = open_account(chart=Chart.COUNTER_CASH)
    first, second = (make_card(product=make_product(price_fen=0, deposit_fen=0)) for _ in range(2))
    for card in first, second:
        fill_purse(card, 1_000)
    purses = [card.purse.account_id for card in (first, second)]
    control = LedgerAccount.objects.get(pk=purses[0]).control_id
    assert control is not None
    parties = [cash.pk, bus.pk, *purses, control]
    pairs = [(debit, credit) for debit in parties for credit in parties if debit != credit]

    def moved() -> list[tuple[int, int, int, int]]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT account_id, sum(debit_fen), sum(credit_fen), sum(transfers) FROM accounts_tally GROUP BY 1 ORDER BY 1"
            )
            tallies = cursor.fetchall()
        return [
            *tallies,
            *Purse.objects.order_by("pk").values_list("balance_fen", "movements", "held_fen", "pk"),
        ]

    states = []
    for at_once in True, False:
        with transaction.atomic():
            legs = [leg(debit, credit, 7, number) for number, (debit, credit) in enumerate(pairs)]
            for number, part in enumerate([legs] if at_once else [[one] for one in legs]):
                post(f"part-{number}", *part)
            states.append(moved())
            transaction.set_rollback(True)
    assert states[0] == states[1]


def test_a_frozen_purse_takes_nothing_alone_or_in_a_set_until_it_is_opened(
    open_day: BusinessDay, bus: LedgerAccount
) -> None:
    """A purse carries the state of its account, which is what a posting asks."""
    frozen, other = (make_card(product=make_product(price_fen=0, deposit_fen=0)) for _ in range(2))
    for card in frozen, other:
        fill_purse(card, 1_000)
    account = LedgerAccount.objects.get(pk=frozen.purse.account_id)
    out, back, else_ = (
        leg(account.pk, bus.pk, 5, 1),
        leg(bus.pk, account.pk, 5, 2),
        leg(other.purse.account_id, bus.pk, 5, 3),
    )
    set_account_state(account=account, state="frozen", actor="finance", reason="court order")
    for number, legs in enumerate([(out,), (back,), (else_, out), (back, else_)]):
        with pytest.raises(AccountNotOpen, match=account.code):
            post(f"refused-{number}", *legs)
    assert account_balance_fen(account.pk) == 1_000
    set_account_state(account=account, state="open", actor="finance", reason="court order lifted")
    post("alone", out)
    post("together", back, else_)
    assert account_balance_fen(account.pk) == 1_000
    assert account_balance_fen(other.purse.account_id) == 995


def test_posting_never_reads_a_table_through(open_day: BusinessDay, bus: LedgerAccount) -> None:
    """A connection keeps the plans that it made when the tables were all but empty."""
    card = make_card(product=make_product(price_fen=0, deposit_fen=0))
    fill_purse(card, 1_000)
    purse = card.purse.account_id

    def reads() -> dict[str, int]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE relname ~ '^accounts_'"
            )
            return dict(cursor.fetchall())

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE accounts_journal, accounts_ledgeraccount, accounts_purse")
    before = reads()
    for number in range(8):
        post(f"alone-{number}", leg(purse, bus.pk, 1, number))
        post(f"set-{number}", *(leg(purse, bus.pk, 1, 100 + 10 * number + at) for at in range(3)))
    assert reads() == before


@pytest.mark.django_db(transaction=True)
def test_eight_threads_post_one_journal_once(
    open_day: BusinessDay, cash: LedgerAccount, bus: LedgerAccount
) -> None:
    posted = in_threads(8, lambda _: post("once", leg(cash.pk, bus.pk, 200)).pk)
    assert len(set(posted)) == 1
    assert account_balance_fen(bus.pk) == 200


@pytest.mark.django_db(transaction=True)
def test_fifty_debits_at_once_never_break_the_floor(open_day: BusinessDay, bus: LedgerAccount) -> None:
    card = make_card(product=make_product(price_fen=0, deposit_fen=0))
    fill_purse(card, 1_000)
    account_id = card.purse.account_id

    def pay(thread: int) -> int:
        paid = 0
        for at in range(10):
            try:
                post(f"{thread}:{at}", leg(account_id, bus.pk, 30, thread * 10 + at))
                paid += 1
            except PurseFloorReached:
                continue
        return paid

    assert sum(in_threads(5, pay)) == 33
    assert Purse.objects.get(card=card).balance_fen == account_balance_fen(account_id) == 10
    assert account_balance_fen(bus.pk) == 990
