"""The daily match finds every kind of difference, closes what is gone, and changes nothing when repeated."""

from __future__ import annotations

from datetime import date, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import tasks
from accounts.errors import GatewayUnavailable
from accounts.gateway.port import PaymentStatus, RefundStatus
from accounts.models import Card, GatewayEntry, GatewayRefund, TopUpDifference, TopUpOrder
from accounts.services import topup
from accounts.services.gateway_payment import settle_payment
from accounts.services.gateway_refunds import send_gateway_refunds
from accounts.services.matching import Match, close_difference, match_topups
from citizencard.core.calendar import shanghai
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.core.models import AuditEntry
from tests.accounts.chip import Chip
from tests.accounts.topup.gateway import FakeGateway
from tests.factories import CLERK, NOON, make_order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
Kind = TopUpDifference.Kind
DAY = timedelta(days=1)


def today() -> date:
    return shanghai(timezone.now()).date()


def found() -> list[tuple[str, str, int, int]]:
    """Match today; what is open then."""
    match_topups(today())
    rows = TopUpDifference.objects.filter(closed_at=None)
    return sorted(rows.values_list("kind", "subject", "ours_fen", "theirs_fen"))


@pytest.fixture
def paid(card: Card, gateway: FakeGateway) -> TopUpOrder:
    order = make_order(card=card, channel="gateway", amount_fen=5_000)
    gateway.add(order.number, 5_000)
    return topup.poll_gateway_payment(order=order)


@pytest.fixture
def reversed_order(paid: TopUpOrder) -> TopUpOrder:
    return topup.reverse_topup(order=paid, actor=CLERK, reason="")


def test_a_day_in_which_everything_went_right(
    paid: TopUpOrder, card: Card, gateway: FakeGateway, demo_keys: KeyStore
) -> None:
    Chip(demo_keys, card).load(paid)
    topup.receive_cash(order=make_order(card=card), actor=CLERK)
    online = make_order(card=card, channel="gateway", amount_fen=300, purse_kind="account")
    gateway.add(online.number, 300)
    topup.poll_gateway_payment(order=online)
    unpaid = make_order(card=card, channel="gateway", amount_fen=400)
    topup.start_gateway_payment(order=unpaid)
    back = make_order(card=card, channel="gateway", amount_fen=700)
    gateway.add(back.number, 700)
    topup.reverse_topup(order=topup.poll_gateway_payment(order=back), actor=CLERK, reason="")
    send_gateway_refunds(now=timezone.now())
    assert match_topups(today()) == Match(orders=5, entries=5, opened=0, still_open=0, closed=0)
    assert not TopUpDifference.objects.exists()


def test_paid_at_the_gateway_and_not_booked(card: Card, gateway: FakeGateway) -> None:
    order = make_order(card=card, channel="gateway", amount_fen=5_000)
    payment = gateway.add(order.number, 5_000)
    stranger = gateway.add("somebody else's", 70)
    expected = sorted(
        [(Kind.PAID_NOT_BOOKED, payment.id, 0, 5_000), (Kind.PAID_NOT_BOOKED, stranger.id, 0, 70)]
    )
    assert found() == expected
    assert found() == expected
    orders = TopUpDifference.objects.values_list("subject", "order__number", "owner")
    assert set(orders) == {(payment.id, order.number, "finance"), (stranger.id, None, "finance")}
    settle_payment(payment)
    assert found() == [(Kind.PAID_NOT_BOOKED, stranger.id, 0, 70)]
    gone = TopUpDifference.objects.get(subject=payment.id)
    assert (gone.closed_by, gone.closed_at is not None) == ("match", True)


def test_a_second_payment_for_one_order(paid: TopUpOrder, gateway: FakeGateway) -> None:
    second = gateway.add(paid.number, 5_000)
    assert found() == [(Kind.PAID_NOT_BOOKED, second.id, 0, 5_000)]


@pytest.mark.parametrize("status", [PaymentStatus.PENDING, PaymentStatus.CANCELED, None])
def test_booked_and_not_paid_at_the_gateway(
    status: PaymentStatus | None, paid: TopUpOrder, gateway: FakeGateway
) -> None:
    assert paid.gateway_id is not None
    if status:
        gateway.change(paid.gateway_id, status=status)
    else:
        del gateway.payments[paid.gateway_id]
    assert found() == [(Kind.BOOKED_NOT_PAID, paid.number, 5_000, 0)]


@pytest.mark.parametrize("change", [{"amount_fen": 4_999}, {"currency": "usd"}])
def test_amount_or_currency_differs(
    change: dict[str, object], paid: TopUpOrder, gateway: FakeGateway
) -> None:
    gateway.change(paid.gateway_id or "", **change)
    assert found() == [(Kind.AMOUNT_DIFFERS, paid.number, 5_000, change.get("amount_fen", 5_000))]


def test_reversed_and_not_refunded(reversed_order: TopUpOrder, gateway: FakeGateway) -> None:
    expected = [(Kind.REVERSED_NOT_REFUNDED, reversed_order.number, 5_000, 0)]
    assert found() == expected
    gateway.refund_status = RefundStatus.PENDING
    send_gateway_refunds(now=timezone.now())
    assert found() == [], "under way"
    key = GatewayRefund.objects.get().key
    gateway.settle_refund(key, RefundStatus.FAILED)
    send_gateway_refunds(now=timezone.now() + DAY)
    assert found() == expected
    assert TopUpDifference.objects.count() == 2, "what comes back is a new row"


def test_refunded_by_somebody_else(paid: TopUpOrder, gateway: FakeGateway) -> None:
    elsewhere = gateway.refund_payment(payment_id=paid.gateway_id or "", amount_fen=900, key="dashboard")
    assert found() == [(Kind.REFUNDED_NOT_BOOKED, elsewhere.id, 0, 900)]
    assert TopUpDifference.objects.get().order == paid


@pytest.mark.parametrize(
    ("status", "theirs_fen"), [(RefundStatus.FAILED, 0), (RefundStatus.CANCELED, 0), (None, 0)]
)
def test_a_refund_the_gateway_has_not_made(
    status: RefundStatus | None, theirs_fen: int, reversed_order: TopUpOrder, gateway: FakeGateway
) -> None:
    send_gateway_refunds(now=timezone.now())
    key = GatewayRefund.objects.get().key
    if status:
        gateway.settle_refund(key, status)
    else:
        del gateway.refunds[key]
    assert found() == [(Kind.REFUND_DIFFERS, key, 5_000, theirs_fen)]


def test_a_load_whose_proof_is_outstanding(paid: TopUpOrder, card: Card, demo_keys: KeyStore) -> None:
    chip = Chip(demo_keys, card)
    topup.authorise_load(order=paid, when=NOON, **chip.initialise(5_000))
    assert found() == [(Kind.LOADED_NOT_PROVEN, paid.number, 5_000, 0)]
    assert TopUpDifference.objects.get().owner == "counter"
    chip.load(paid)
    assert found() == []


@pytest.mark.parametrize(
    ("tampering", "ours_fen", "theirs_fen"),
    [
        ("UPDATE accounts_transfer SET amount_fen = 4000 WHERE kind = 1", 5_000, 4_000),
        ("DELETE FROM accounts_transfer", 5_000, 0),
        ("UPDATE accounts_transfer SET kind = 2", 5_000, 5_000),
    ],
)
def test_the_ledger_differs(tampering: str, ours_fen: int, theirs_fen: int, paid: TopUpOrder) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(tampering)
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    assert found() == [(Kind.LEDGER_DIFFERS, paid.number, ours_fen, theirs_fen)]


# --- dates ----------------------------------------------------------------------------------------------------------


def test_a_payment_made_before_midnight_and_paid_after_it(paid: TopUpOrder, gateway: FakeGateway) -> None:
    gateway.change(paid.gateway_id or "", created_at=timezone.now() - DAY)
    assert found() == []
    assert GatewayEntry.objects.get().status == "succeeded"


def test_what_was_pending_when_it_was_listed_is_asked_for_again(card: Card, gateway: FakeGateway) -> None:
    order = make_order(card=card, channel="mandate", amount_fen=5_000)
    payment = gateway.add(order.number, 5_000, PaymentStatus.PENDING, created_at=timezone.now() - DAY)
    match_topups(today() - DAY)
    assert GatewayEntry.objects.get().status == "pending"
    gateway.change(payment.id, status=PaymentStatus.SUCCEEDED)
    topup.receive_funds(order=order, actor="bank", payment_id=payment.id)
    assert found() == []


def test_other_dates_are_left_alone_but_what_is_open_is_looked_at_again(
    card: Card, gateway: FakeGateway
) -> None:
    order = make_order(card=card, channel="gateway", amount_fen=5_000)
    payment = gateway.add(order.number, 5_000)
    assert match_topups(today() - DAY) == Match(0, 0, 0, 0, 0)
    assert match_topups(today()).opened == 1
    for day in (today() + DAY, today() - DAY, today() + DAY):
        assert match_topups(day).still_open == 1
    row = TopUpDifference.objects.get()
    assert (row.first_seen, row.last_seen) == (today() - DAY, today() + DAY)
    assert row.age_days(today() + DAY) == 2
    settle_payment(payment)
    assert match_topups(today() + 2 * DAY).closed == 1
    topup.reverse_topup(order=order, actor=CLERK, reason="")
    assert [match_topups(today() + days * DAY).still_open for days in (0, 1, -1)] == [0, 1, 1]


def test_a_gateway_that_does_not_answer_closes_nothing(card: Card, gateway: FakeGateway) -> None:
    gateway.add("stranger", 70)
    found()
    gateway.lost = ["", "asked"]
    with pytest.raises(GatewayUnavailable):
        match_topups(today())
    assert TopUpDifference.objects.filter(closed_at=None).count() == 1


def test_a_person_closes_a_difference_and_the_match_opens_what_is_still_there(
    card: Card, gateway: FakeGateway
) -> None:
    gateway.add("stranger", 70)
    found()
    row = TopUpDifference.objects.get()
    for _ in range(2):
        row = close_difference(difference=row, actor="finance", note="test payment of the gateway")
    assert (row.closed_by, AuditEntry.objects.filter(action="topup_difference.close").count()) == (
        "finance",
        1,
    )
    assert len(found()) == 1
    assert TopUpDifference.objects.count() == 2


def test_the_comparison_is_one_statement_however_many_orders(card: Card, gateway: FakeGateway) -> None:
    def statements(orders: int) -> int:
        for _ in range(orders):
            order = make_order(card=card, channel="gateway", amount_fen=100)
            gateway.add(order.number, 100)
            topup.poll_gateway_payment(order=order)
        with CaptureQueriesContext(connection) as queries:
            assert found() == []
        return len(queries)

    assert statements(1) == statements(20)


def test_task_and_command(card: Card, gateway: FakeGateway) -> None:
    gateway.add("stranger", 70, created_at=timezone.now() - DAY)
    assert "opened=1" in tasks.match_topups()
    assert "still_open=1" in tasks.match_topups((today() - DAY).isoformat())
    out = StringIO()
    call_command("match_topups", today().isoformat(), stdout=out)
    assert "0 new differences, 1 still open, 0 gone" in out.getvalue()
    assert "theirs 70 fen, 1 days, finance" in out.getvalue()
