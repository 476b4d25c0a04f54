"""The cash drawer: what it holds is its float and what was booked to it, counted blind, confirmed by a second person."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.errors import DrawerAlreadyOpen, DrawerNotOpen, IllegalDrawerStep, NotYourDrawer
from accounts.models import (
    Card,
    Chart,
    DrawerCount,
    DrawerEntry,
    DrawerSession,
    Journal,
    LedgerAccount,
    StockPlace,
)
from accounts.selectors import invariants
from accounts.selectors.balances import account_balance_fen
from accounts.services import cards, topup
from accounts.services.drawer_entries import cash_needs_drawer
from accounts.services.drawers import confirm_count, count_drawer, open_drawer, refuse_count
from accounts.services.stock import open_place
from citizencard.core.errors import AlreadyDecided, InvalidField, MakerIsChecker
from citizencard.core.models import AuditEntry
from tests.accounts.drawers.till import FLOAT, FLOAT_FEN, make_drawer, make_hall, pieces_of
from tests.factories import CLERK, NOON, make_card, make_order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
SUPERVISOR = "supervisor"


def balance_fen(chart: Chart) -> int:
    return account_balance_fen(LedgerAccount.objects.get(code=chart).pk)


def paid(amount_fen: int = 5_000, *, card: Card, actor: str = CLERK) -> None:
    topup.receive_cash(order=make_order(card=card, amount_fen=amount_fen), actor=actor)


def test_what_a_clerk_takes_and_gives_is_in_the_drawer() -> None:
    drawer = make_drawer()
    card = make_card()  # sold for 10 and 10 deposit
    paid(5_000, card=card)
    order = make_order(card=card, amount_fen=3_000)
    topup.receive_cash(order=order, actor=CLERK)
    topup.reverse_topup(order=order, actor=CLERK, reason="wrong amount")
    paid(700, card=card, actor="somebody else")
    assert list(drawer.entries.order_by("pk").values_list("amount_fen", flat=True)) == [
        2_000,
        5_000,
        3_000,
        -3_000,
    ]
    assert drawer.moved_fen == 7_000


def test_repeating_an_act_books_it_once() -> None:
    drawer = make_drawer()
    order = make_order(card=make_card())
    for _again in range(2):
        topup.receive_cash(order=order, actor=CLERK)
    assert drawer.moved_fen == 2_000 + order.amount_fen


def test_the_office_moves_no_cash_without_an_open_drawer() -> None:
    order = make_order(card=make_card())
    with pytest.raises(DrawerNotOpen), cash_needs_drawer():
        topup.receive_cash(order=order, actor=CLERK)
    assert not Journal.objects.filter(key=f"topup-paid:{order.number}").exists()
    drawer = make_drawer()
    with cash_needs_drawer():
        topup.receive_cash(order=order, actor=CLERK)
    assert drawer.moved_fen == order.amount_fen


def test_a_hall_is_opened_by_command() -> None:
    call_command("open_place", "east", "东湖服务大厅", actor="root", stdout=StringIO())
    hall = StockPlace.objects.get(code="east")
    assert open_drawer(clerk=CLERK, hall=hall, pieces=FLOAT).hall.name == "东湖服务大厅"


def test_a_clerk_has_one_open_drawer_in_a_hall() -> None:
    drawer = make_drawer()
    with pytest.raises(DrawerAlreadyOpen) as refused:
        make_drawer()
    assert f"#{drawer.pk}" in str(refused.value)
    store = open_place(code="store", name="总库", kind="store", actor="store")
    with pytest.raises(InvalidField):
        open_drawer(clerk="other", hall=store, pieces=FLOAT)
    for wrong in ({300: 1}, {100: -1}, {100: 1_000_000}):
        with pytest.raises(InvalidField):
            open_drawer(clerk="other", hall=make_hall(), pieces=wrong)


@pytest.mark.parametrize(
    ("over_fen", "suspense"), [(0, None), (150, Chart.SUSPENSE_PAYABLE), (-2_000, Chart.SUSPENSE_RECEIVABLE)]
)
def test_what_is_over_or_short_waits_in_suspense(over_fen: int, suspense: Chart | None) -> None:
    drawer = make_drawer()
    paid(card=make_card())
    cash_fen = balance_fen(Chart.COUNTER_CASH)
    counted_fen = FLOAT_FEN + 7_000 + over_fen
    count = count_drawer(session=drawer, pieces=pieces_of(counted_fen), actor=CLERK)
    assert (count.counted_fen, count.expected_fen) == (counted_fen, FLOAT_FEN + 7_000)
    assert balance_fen(Chart.COUNTER_CASH) == cash_fen
    confirm_count(count=count, checker=SUPERVISOR)
    drawer.refresh_from_db()
    assert drawer.state == DrawerSession.State.CLOSED
    assert drawer.float_fen + drawer.moved_fen == counted_fen
    assert balance_fen(Chart.COUNTER_CASH) == cash_fen + over_fen
    if suspense:
        assert balance_fen(suspense) == abs(over_fen)
    assert invariants.broken() == []
    assert list(AuditEntry.objects.filter(subject=f"drawer:{drawer.pk}").order_by("pk").values_list("action", "actor")) == [
        ("drawer.open", CLERK), ("drawer.count", CLERK), ("drawer.confirm", SUPERVISOR),
    ]  # fmt: skip


def test_a_counted_drawer_takes_nothing_more_and_the_next_one_does() -> None:
    drawer = make_drawer()
    card = make_card()
    count = count_drawer(session=drawer, pieces=FLOAT, actor=CLERK)
    with pytest.raises(DrawerNotOpen), cash_needs_drawer():
        paid(card=card)
    afternoon = make_drawer()
    paid(card=card)
    confirm_count(count=count, checker=SUPERVISOR)
    assert (drawer.moved_fen, afternoon.moved_fen) == (0, 5_000)
    assert invariants.broken() == []


def test_a_count_that_the_supervisor_does_not_find_is_counted_again() -> None:
    drawer = make_drawer()
    first = count_drawer(session=drawer, pieces={10_000: 1}, actor=CLERK)
    with pytest.raises(IllegalDrawerStep):
        count_drawer(session=drawer, pieces=FLOAT, actor=CLERK)
    refuse_count(count=first, checker=SUPERVISOR, reason="I count 220.00")
    second = count_drawer(session=drawer, pieces=FLOAT, actor=CLERK)
    with pytest.raises(AlreadyDecided):
        confirm_count(count=first, checker=SUPERVISOR)
    confirm_count(count=second, checker=SUPERVISOR)
    with pytest.raises(IllegalDrawerStep):
        count_drawer(session=drawer, pieces=FLOAT, actor=CLERK)
    assert list(drawer.counts.order_by("pk").values_list("state", flat=True)) == ["refused", "approved"]


def test_a_drawer_is_counted_by_its_clerk_and_confirmed_by_somebody_else() -> None:
    drawer = make_drawer()
    with pytest.raises(NotYourDrawer):
        count_drawer(session=drawer, pieces=FLOAT, actor="other")
    count = count_drawer(session=drawer, pieces=FLOAT, actor=CLERK)
    with pytest.raises(MakerIsChecker):
        confirm_count(count=count, checker=CLERK)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE accounts_drawersession SET state = 'closed'",
        "DELETE FROM accounts_drawersession",
        "UPDATE accounts_drawerentry SET amount_fen = 1",
        "DELETE FROM accounts_drawerentry",
        "INSERT INTO accounts_drawersession (clerk, hall_id, float_fen, opened_at, state) "
        "SELECT clerk, hall_id, 0, now(), 'open' FROM accounts_drawersession",
        "INSERT INTO accounts_drawerentry (session_id, journal_id, amount_fen) SELECT session.id, journal.id, 5 "
        "FROM accounts_drawersession session, accounts_journal journal WHERE journal.actor = 'somebody else'",
    ],
)  # fmt: skip
def test_the_database_keeps_drawers(sql: str) -> None:
    make_drawer()
    card = make_card()
    paid(card=card)
    paid(card=card, actor="somebody else")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["open", "count", "confirm", "refuse", "top up", "give back", "sell", "close card"]),
        st.sampled_from(["anna", "bo"]),
        st.integers(-5, 5).map(lambda number: number * 10),
    ),
    min_size=5,
    max_size=14,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(acts=ACTS)
def test_whatever_happens_nothing_is_lost_and_never_are_two_open(acts: list[tuple[str, str, int]]) -> None:
    """Expected = float + in − out for every drawer; all counter cash of clerks with one is in them."""
    with transaction.atomic():
        for act, clerk, over_fen in acts:
            _do(act, clerk, over_fen)
        assert invariants.broken() == []
        for drawer in DrawerSession.objects.all():
            _check(drawer)
        transaction.set_rollback(True)


def _do(act: str, clerk: str, over_fen: int) -> None:
    drawer = DrawerSession.objects.filter(clerk=clerk, state="open").first()
    waiting = DrawerCount.objects.filter(maker=clerk, state="proposed").first()
    match act:
        case "open" if drawer is None:
            make_drawer(clerk)
        case "open":
            with pytest.raises(DrawerAlreadyOpen):
                make_drawer(clerk)
        case "count" if drawer is not None:
            counted_fen = drawer.float_fen + drawer.moved_fen + over_fen
            count_drawer(session=drawer, pieces=pieces_of(max(counted_fen, 0)), actor=clerk)
        case "confirm" if waiting is not None:
            confirm_count(count=waiting, checker=SUPERVISOR)
        case "refuse" if waiting is not None:
            refuse_count(count=waiting, checker=SUPERVISOR, reason="not so")
        case "top up":
            paid(3_000, card=make_card(), actor=clerk)
        case "give back":
            order = make_order(card=make_card(), amount_fen=2_000)
            topup.receive_cash(order=order, actor="somebody else")
            topup.reverse_topup(order=order, actor=clerk, reason="")
        case "sell":
            card = make_card(state=Card.State.PERSONALISED)
            cards.issue_card(card=card, actor=clerk, occurred_at=NOON - timedelta(hours=1))
        case "close card":
            cards.close_card(card=make_card(), actor=clerk, reason="", occurred_at=NOON)


def _check(drawer: DrawerSession) -> None:
    entries = DrawerEntry.objects.filter(session=drawer)
    total_fen = sum(entry.amount_fen for entry in entries)
    assert drawer.moved_fen == total_fen
    assert DrawerSession.objects.filter(clerk=drawer.clerk, state="open").count() <= 1
    for count in drawer.counts.filter(state="approved"):
        assert count.counted_fen == drawer.float_fen + total_fen
