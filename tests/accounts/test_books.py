"""Reading the books: balances now and as they were, statements with a running balance, closings, corrections."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.errors import AccountNotOpen, InvalidLeg, PurseCeilingReached
from accounts.models import Chart, Closing, Journal, LedgerAccount, Purse, Tally, Transfer
from accounts.selectors.balances import account_balance_fen, trial_balance
from accounts.selectors.invariants import broken
from accounts.selectors.statement import StatementLine, account_statement
from accounts.services.ledger import (
    AMOUNT_MAX_FEN,
    Leg,
    open_account,
    post_journal,
    reverse_journal,
    set_account_state,
)
from citizencard.core.calendar import cut_off, seal
from citizencard.core.errors import Conflict
from citizencard.core.models import AuditEntry, BusinessDay
from tests.accounts.threads import in_threads
from tests.factories import NOON, fill_purse, make_card, make_product
from tests.fixtures_accounts import TODAY

pytestmark = pytest.mark.django_db
_sources = itertools.count(1)
TOMORROW = TODAY + timedelta(days=1)


def pay(debit: LedgerAccount, credit: LedgerAccount, amount_fen: int, *, day: date | None = None) -> Journal:
    number = next(_sources)
    leg = Leg(debit.pk, credit.pk, amount_fen, Transfer.Kind.PURCHASE, number, NOON)
    return post_journal(
        key=f"pay:{number}",
        kind="test",
        actor="test",
        source=f"paper {number}",
        legs=[leg],
        business_date=day,
    )


def next_day(day: date) -> None:
    cut_off(day)
    seal(day)


def whole_statement(account: LedgerAccount, *, limit: int = 3) -> list[StatementLine]:
    lines: list[StatementLine] = []
    page = account_statement(account.pk, limit=limit)
    while True:
        lines += page.lines
        if page.next is None:
            return lines
        page = account_statement(account.pk, after=page.next, limit=limit)


@pytest.fixture
def cash(open_day: BusinessDay) -> LedgerAccount:
    return open_account(chart=Chart.COUNTER_CASH)


@pytest.fixture
def bus(open_day: BusinessDay) -> LedgerAccount:
    return open_account(chart=Chart.MERCHANT_PAYABLE, owner="bus")


@pytest.fixture
def purse_account(open_day: BusinessDay) -> LedgerAccount:
    card = make_card()
    fill_purse(card, 10_000)
    return card.purse.account


def test_a_balance_at_the_end_of_any_date(cash: LedgerAccount, bus: LedgerAccount) -> None:
    pay(cash, bus, 200)
    next_day(TODAY)
    pay(cash, bus, 30)
    assert [account_balance_fen(bus.pk, at=day) for day in (TODAY - timedelta(days=1), TODAY, TOMORROW)] == [
        0,
        200,
        230,
    ]
    assert account_balance_fen(cash.pk) == account_balance_fen(bus.pk) == 230


def test_a_purse_balance_at_the_end_of_any_date(purse_account: LedgerAccount, bus: LedgerAccount) -> None:
    pay(purse_account, bus, 200)
    next_day(TODAY)
    pay(purse_account, bus, 30)
    ends = [
        account_balance_fen(purse_account.pk, at=day) for day in (TODAY - timedelta(days=1), TODAY, TOMORROW)
    ]
    assert ends == [0, 9_800, 9_770]


@pytest.mark.parametrize("of", ["bus", "purse"])
def test_a_balance_as_the_books_said_at_any_instant(
    of: str, purse_account: LedgerAccount, bus: LedgerAccount
) -> None:
    account, sign = (bus, 1) if of == "bus" else (purse_account, -1)
    before = account_balance_fen(account.pk)
    seen: list[tuple[datetime, int]] = [(timezone.now(), before)]
    for step in range(6):
        pay(purse_account, bus, 100 + step)
        seen.append((timezone.now(), account_balance_fen(account.pk)))
        if step == 2:
            cut_off(TODAY)
            pay(purse_account, bus, 1_000, day=TODAY)
            seen.append((timezone.now(), account_balance_fen(account.pk)))
        if step == 3:
            seal(TODAY)
    assert [account_balance_fen(account.pk, at=at) for at, _ in seen] == [fen for _, fen in seen]
    assert seen[-1][1] == before + sign * (615 + 1_000)
    assert account_balance_fen(account.pk, at=seen[0][0] - timedelta(days=400)) == 0


def test_late_events_go_to_the_open_day_and_keep_their_own_date(
    cash: LedgerAccount, bus: LedgerAccount
) -> None:
    next_day(TODAY)
    journal = pay(cash, bus, 200)
    (line,) = account_statement(bus.pk).lines
    assert (journal.business_date, line.business_date, line.occurred_at) == (TOMORROW, TOMORROW, NOON)


def test_a_statement_says_what_why_and_who_with_a_running_balance(
    purse_account: LedgerAccount, bus: LedgerAccount
) -> None:
    pay(purse_account, bus, 200)
    next_day(TODAY)
    journal = pay(purse_account, bus, 30)
    newest, _, first = whole_statement(purse_account, limit=1)
    assert (newest.change_fen, newest.balance_fen, newest.other_code) == (-30, 9_770, "2202.bus")
    assert (newest.journal_key, newest.source, newest.actor) == (journal.key, journal.source, "test")
    assert (first.change_fen, first.balance_fen) == (10_000, 10_000)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    moves=st.lists(st.tuples(st.booleans(), st.integers(1, 900)), min_size=1, max_size=12),
    cuts=st.sets(st.integers(0, 11), max_size=3),
    limit=st.integers(1, 5),
)
def test_pages_of_any_size_add_up_to_the_balance(
    moves: list[tuple[bool, int]], cuts: set[int], limit: int, cash: LedgerAccount, bus: LedgerAccount
) -> None:
    before = len(whole_statement(bus, limit=50))
    for at, (incoming, fen) in enumerate(moves):
        pay(*((cash, bus) if incoming else (bus, cash)), fen)
        if at in cuts:
            next_day(BusinessDay.objects.get(state="open").date)
    lines = whole_statement(bus, limit=limit)
    assert len(lines) == before + len(moves)
    balances = [line.balance_fen for line in lines]
    assert balances[0] == account_balance_fen(bus.pk)
    assert [line.balance_fen - line.change_fen for line in lines] == [*balances[1:], 0]


def test_sealing_writes_closing_balances_in_the_order_of_dates(
    cash: LedgerAccount, bus: LedgerAccount
) -> None:
    pay(cash, bus, 200)
    cut_off(TODAY)
    pay(cash, bus, 30)
    cut_off(TOMORROW)
    seal(TOMORROW)
    assert not Closing.objects.exists()  # it waits for the date before it
    seal(TODAY)
    rows = Closing.objects.filter(account_id=bus.pk).order_by("business_date")
    assert [(row.business_date, row.credit_fen) for row in rows] == [(TODAY, 200), (TOMORROW, 230)]
    assert account_balance_fen(bus.pk, at=TODAY) == 200
    assert {row.code: row.credit_fen for row in trial_balance()} == {"1011": 0, "2202": 230}


def test_a_zero_day_closes_as_well(cash: LedgerAccount, bus: LedgerAccount) -> None:
    next_day(TODAY)
    pay(cash, bus, 5)
    next_day(TOMORROW)
    assert Closing.objects.get(account_id=bus.pk).business_date == TOMORROW
    assert account_balance_fen(bus.pk) == 5


def test_a_correction_is_a_new_journal(cash: LedgerAccount, bus: LedgerAccount) -> None:
    journal = pay(cash, bus, 200)
    undone = reverse_journal(journal=journal, actor="finance", reason="wrong merchant")
    assert reverse_journal(journal=journal, actor="finance", reason="wrong merchant") == undone
    assert (undone.reverses, account_balance_fen(bus.pk)) == (journal, 0)
    assert AuditEntry.objects.filter(action="journal.reverse", actor="finance").exists()
    with pytest.raises(Conflict):
        reverse_journal(journal=undone, actor="finance", reason="never mind")


@pytest.mark.parametrize("state", ["frozen", "closed"])
@pytest.mark.parametrize("side", ["debit", "credit"])
def test_an_account_that_is_not_open_takes_nothing(
    state: str, side: str, cash: LedgerAccount, bus: LedgerAccount
) -> None:
    set_account_state(account=bus, state=state, actor="finance", reason="court order")
    with pytest.raises(AccountNotOpen, match=r"2202\.bus"):
        pay(*((bus, cash) if side == "debit" else (cash, bus)), 5)
    set_account_state(account=bus, state="open", actor="finance", reason="lifted")
    pay(cash, bus, 5)
    assert account_balance_fen(bus.pk) == 5


def test_a_purse_does_not_go_above_its_ceiling(purse_account: LedgerAccount, cash: LedgerAccount) -> None:
    ceiling_fen = Purse.objects.get(account=purse_account).ceiling_fen
    with pytest.raises(PurseCeilingReached):
        pay(cash, purse_account, ceiling_fen - 10_000 + 1)
    pay(cash, purse_account, ceiling_fen - 10_000)
    assert account_balance_fen(purse_account.pk) == ceiling_fen


def test_a_products_new_limits_reach_the_purses_of_its_cards(purse_account: LedgerAccount) -> None:
    make_product(balance_limit_fen=20_000, overdraft_fen=400)
    purse = Purse.objects.get(account=purse_account)
    assert (purse.ceiling_fen, purse.floor_fen) == (20_000, -400)
    assert broken() == []


def test_a_limit_below_what_cards_hold_is_refused(purse_account: LedgerAccount) -> None:
    with pytest.raises(IntegrityError, match="purse_ceiling"), transaction.atomic():
        make_product(balance_limit_fen=9_999)
    assert Purse.objects.get(account=purse_account).ceiling_fen == 100_000


@pytest.mark.parametrize("amount_fen", [0, -1, 0.5, 1.0, True, "5", AMOUNT_MAX_FEN + 1, 2**63])
def test_only_a_positive_number_of_fen_is_an_amount(amount_fen: int) -> None:
    with pytest.raises(InvalidLeg):
        Leg(1, 2, amount_fen, Transfer.Kind.PURCHASE, 1, NOON)


@pytest.mark.django_db(transaction=True)
def test_a_busy_account_is_nobodys_queue(cash: LedgerAccount, bus: LedgerAccount) -> None:
    """Eight at once on one merchant: every posting counts, each thread in a stripe of its own."""
    in_threads(8, lambda _: [pay(cash, bus, 7) for _ in range(20)])
    stripes = Tally.objects.filter(account_id=bus.pk)
    assert sum(stripe.credit_fen for stripe in stripes) == account_balance_fen(bus.pk) == 8 * 20 * 7
    assert stripes.count() <= 8
    assert broken() == []


@pytest.mark.django_db(transaction=True)
def test_a_posting_does_not_wait_for_an_uncommitted_one_to_the_same_accounts(
    cash: LedgerAccount, bus: LedgerAccount
) -> None:
    with transaction.atomic():
        pay(cash, bus, 5)
        in_threads(1, lambda _: _within_two_seconds(cash, bus))
    assert account_balance_fen(bus.pk) == 10


def _within_two_seconds(cash: LedgerAccount, bus: LedgerAccount) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '2s'")
    pay(cash, bus, 5)
