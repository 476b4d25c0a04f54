"""Money comes in by six ways and into two purses; agents owe no more than their credit, boxes are counted."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.errors import (
    AgentCreditExhausted,
    AgentNotActive,
    AmountOutOfRange,
    IllegalOrderTransition,
    NoAccountPurse,
    WrongChannel,
)
from accounts.models import Agent, Card, LedgerAccount, Purse, Remittance, TopUpOrder, Transfer
from accounts.selectors import invariants
from accounts.selectors.balances import account_balance_fen
from accounts.services import agents, repair, topup
from accounts.services.ledger import set_account_state
from accounts.services.remittances import empty_kiosk, receive_agent_payment
from citizencard.core.errors import Conflict, InvalidField
from tests.accounts.topup.gateway import FakeGateway
from tests.factories import CLERK, NOON, fill_purse, make_card, make_citizen, make_order, make_product

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
State = TopUpOrder.State
WAYS = {
    "cash": ("", "1011"),
    "agent": ("shop", "1013.shop"),
    "kiosk": ("K01", "1014.K01"),
    "gateway": ("", "1012"),
    "mandate": ("", "1015"),
    "subsidy": ("bureau", "1231.bureau"),
}


@pytest.fixture
def agent(db: None) -> Agent:
    return agents.save_agent(code="shop", name="便利店", credit_limit_fen=20_000, actor=CLERK)


def balance(code: str) -> int:
    account = LedgerAccount.objects.filter(code=code).first()
    return account_balance_fen(account.pk) if account else 0


def receive(order: TopUpOrder, gateway: FakeGateway) -> TopUpOrder:
    """The order's money comes in, the way its channel does."""
    match order.channel:
        case "cash":
            return topup.receive_cash(order=order, actor=CLERK)
        case "gateway":
            gateway.add(order.number, order.amount_fen)
            return topup.poll_gateway_payment(order=order)
    if order.channel == "mandate" and not gateway.payments:
        gateway.add(order.number, order.amount_fen)
    return topup.receive_funds(order=order, actor=CLERK, payment_id=next(iter(gateway.payments), None))


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize("channel", list(WAYS))
def test_money_of_every_channel_waits_in_transit_for_the_chip(
    channel: str, card: Card, gateway: FakeGateway
) -> None:
    party, account = WAYS[channel]
    order = make_order(card=card, channel=channel, party=party, amount_fen=5_000)
    for _ in range(2):
        order = receive(order, gateway)
        assert (order.state, order.paid_at is not None) == (State.PAID, True)
    assert (balance(account), balance("2031")) == (5_000, 5_000)
    assert invariants.broken() == []


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize("channel", list(WAYS))
def test_the_account_purse_is_credited_at_once(channel: str, card: Card, gateway: FakeGateway) -> None:
    order = make_order(
        card=card, channel=channel, party=WAYS[channel][0], amount_fen=5_000, purse_kind="account"
    )
    for _ in range(2):
        order = receive(order, gateway)
        assert (order.state, order.proof) == (State.CONFIRMED, "account")
    assert Purse.objects.get(card=card, kind="account").balance_fen == 5_000
    assert (balance(WAYS[channel][1]), balance("2031"), card.purse.balance_fen) == (5_000, 0, 0)
    with pytest.raises(IllegalOrderTransition):
        topup.reverse_topup(order=order, actor=CLERK, reason="too late")
    assert invariants.broken() == []


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize(
    ("channel", "back"),
    [
        ("cash", "1011"),
        ("agent", "1013.shop"),
        ("kiosk", "1011"),
        ("gateway", "2032"),
        ("mandate", "2032"),
        ("subsidy", "1231.bureau"),
    ],
)
def test_money_goes_back_the_way_it_came(channel: str, back: str, card: Card, gateway: FakeGateway) -> None:
    order = receive(make_order(card=card, channel=channel, party=WAYS[channel][0]), gateway)
    before = balance(back)
    order = topup.reverse_topup(order=order, actor=CLERK, reason="never loaded")
    assert order.state == State.REVERSED
    sign = 1 if back == "2032" else -1
    assert (balance(back) - before, balance("2031")) == (sign * order.amount_fen, 0)
    assert order.gateway_refunds.count() == (back == "2032")
    assert invariants.broken() == []


@pytest.mark.parametrize(
    ("channel", "party"),
    [("cash", "shop"), ("gateway", "shop"), ("agent", ""), ("kiosk", ""), ("subsidy", ""), ("barter", "")],
)
def test_a_way_that_makes_no_sense_is_refused(channel: str, party: str, card: Card) -> None:
    with pytest.raises(InvalidField):
        make_order(card=card, channel=channel, party=party)
    with pytest.raises(IntegrityError), transaction.atomic():
        TopUpOrder.objects.create(
            number="x", card=card, purse=card.purse, amount_fen=1, channel="kiosk", actor="", occurred_at=NOON
        )


@pytest.mark.parametrize("amount_fen", [0, -1, 0.5, 100.0, True, "100", None, 10**15 + 1, 2**63, 10**30])
def test_what_is_no_amount_is_refused(amount_fen: Any, card: Card) -> None:
    for purse_kind in Purse.Kind.values:
        with pytest.raises(AmountOutOfRange):
            make_order(card=card, amount_fen=amount_fen, purse_kind=purse_kind)
    assert not TopUpOrder.objects.exists()


def test_a_product_without_account_purse_says_so(card: Card) -> None:
    with pytest.raises(NoAccountPurse):
        make_order(card=make_card(product=make_product(code="plain")), purse_kind="account")


def test_an_order_is_for_a_purse_of_its_card(card: Card) -> None:
    order, other = make_order(card=card), make_card(product=make_product(code="plain"))
    with pytest.raises(IntegrityError), transaction.atomic():
        TopUpOrder.objects.filter(pk=order.pk).update(purse=other.purse)


def test_the_payer_may_be_somebody_else(card: Card) -> None:
    payer = make_citizen()
    order = make_order(card=card, channel="gateway", payer=payer)
    assert TopUpOrder.objects.get(pk=order.pk).payer == payer


def test_a_wrong_channels_money_is_refused(card: Card) -> None:
    for channel in ("cash", "gateway"):
        with pytest.raises(WrongChannel):
            topup.receive_funds(order=make_order(card=card, channel=channel), actor=CLERK)
    assert not Transfer.objects.exists()


def test_two_orders_of_one_direct_debit_are_noticed(card: Card) -> None:
    order = make_order(card=card, channel="mandate")
    topup.receive_funds(order=order, actor=CLERK, payment_id="pi_1")
    with pytest.raises(Conflict):
        topup.receive_funds(order=order, actor=CLERK, payment_id="pi_2")
    assert TopUpOrder.objects.get(pk=order.pk).gateway_id == "pi_1"


# --- the same request twice -----------------------------------------------------------------------------------------


def test_a_double_submit_is_one_order(card: Card) -> None:
    first = make_order(card=card, request_key="form-1")
    assert make_order(card=card, request_key="form-1") == first
    topup.receive_cash(order=first, actor=CLERK)
    assert make_order(card=card, request_key="form-1").state == State.PAID
    assert make_order(card=card, request_key="form-2") != first


@pytest.mark.parametrize(
    "change", [{"amount_fen": 5_100}, {"channel": "gateway"}, {"purse_kind": "account"}, {"card": None}]
)
def test_the_same_key_for_something_else_is_a_conflict(change: dict[str, Any], card: Card) -> None:
    make_order(card=card, request_key="form-1")
    if "card" in change:
        change = {"card": make_card(product=make_product(code="plain"))}
    with pytest.raises(Conflict):
        make_order(**dict[str, Any](card=card, request_key="form-1") | change)
    assert TopUpOrder.objects.count() == 1


# --- value that finds no room ---------------------------------------------------------------------------------------


def test_value_that_finds_no_room_waits_and_is_credited_later(card: Card, gateway: FakeGateway) -> None:
    order = make_order(card=card, channel="gateway", amount_fen=20_000, purse_kind="account")
    purse = Purse.objects.get(card=card, kind="account")
    full = make_order(card=card, amount_fen=30_000, purse_kind="account")
    Purse.objects.filter(pk=purse.pk).update(ceiling_fen=40_000)
    topup.receive_cash(order=full, actor=CLERK)
    assert receive(order, gateway).state == State.PAID
    assert balance("2031") == 20_000
    assert repair.repair_topups(now=NOON).left == 1
    Purse.objects.filter(pk=purse.pk).update(ceiling_fen=50_000)
    assert repair.repair_topups(now=NOON).credited == 1
    assert repair.repair_topups(now=NOON) == repair.Repaired()
    purse.refresh_from_db()
    assert (purse.balance_fen, balance("2031"), invariants.broken()) == (50_000, 0, [])


def test_money_for_a_frozen_purse_waits_or_goes_back(card: Card, gateway: FakeGateway) -> None:
    order = make_order(card=card, channel="gateway", purse_kind="account")
    purse = Purse.objects.get(card=card, kind="account")
    set_account_state(account=purse.account, state="frozen", actor=CLERK, reason="court order")
    assert receive(order, gateway).state == State.PAID
    assert topup.reverse_topup(order=order, actor=CLERK, reason="frozen").state == State.REVERSED
    assert (balance("2031"), balance("2032"), invariants.broken()) == (0, order.amount_fen, [])


# --- agents ---------------------------------------------------------------------------------------------------------


def by_agent(card: Card, amount_fen: int) -> TopUpOrder:
    return make_order(card=card, channel="agent", party="shop", amount_fen=amount_fen)


def test_an_agent_owes_up_to_its_credit_limit_and_not_a_fen_more(agent: Agent, card: Card) -> None:
    topup.receive_funds(order=by_agent(card, 19_000), actor="shop")
    with pytest.raises(AgentCreditExhausted) as refusal:
        topup.receive_funds(order=by_agent(card, 1_001), actor="shop")
    assert refusal.value.data["owed_fen"] == 20_001
    topup.receive_funds(order=by_agent(card, 1_000), actor="shop")
    assert balance("1013.shop") == 20_000


def test_an_agent_that_pays_in_may_go_on(agent: Agent, card: Card) -> None:
    topup.receive_funds(order=by_agent(card, 20_000), actor="shop")
    for _ in range(2):
        receive_agent_payment(agent=agent, amount_fen=15_000, key="bank-1", actor="finance", occurred_at=NOON)
    assert (balance("1013.shop"), balance("1001")) == (5_000, 15_000)
    topup.receive_funds(order=by_agent(card, 15_000), actor="shop")
    assert (balance("1013.shop"), invariants.broken()) == (20_000, [])


def test_an_agent_that_was_stopped_or_is_unknown_tops_nothing_up(agent: Agent, card: Card) -> None:
    order = by_agent(card, 1_000)
    agents.save_agent(code="shop", name="便利店", credit_limit_fen=20_000, actor=CLERK, active=False)
    with pytest.raises(AgentNotActive):
        topup.receive_funds(order=order, actor="shop")
    for party in ("shop", "nobody"):
        with pytest.raises(AgentNotActive):
            make_order(card=card, channel="agent", party=party)
    assert balance("1013.shop") == 0


# --- cash boxes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counted_fen", "expected"),
    [
        (7_000, {"1011": 7_000, "2241": 0, "1221": 0}),
        (7_100, {"1011": 7_100, "2241": 100, "1221": 0}),
        (6_500, {"1011": 6_500, "2241": 0, "1221": 500}),
        (0, {"1011": 0, "2241": 0, "1221": 7_000}),
    ],
)
def test_a_box_is_emptied_and_what_is_over_or_short_waits_in_suspense(
    counted_fen: int, expected: dict[str, int], card: Card
) -> None:
    for amount_fen in (5_000, 2_000):
        order = make_order(card=card, channel="kiosk", party="K01", amount_fen=amount_fen)
        topup.receive_funds(order=order, actor="K01")
    for _ in range(2):
        done = empty_kiosk(kiosk="K01", counted_fen=counted_fen, key="k1", actor=CLERK, occurred_at=NOON)
    assert (done.expected_fen, balance("1014.K01")) == (7_000, 0)
    assert {code: balance(code) for code in expected} == expected
    with pytest.raises(Conflict):
        empty_kiosk(kiosk="K01", counted_fen=counted_fen + 1, key="k1", actor=CLERK, occurred_at=NOON)
    assert invariants.broken() == []


def test_an_empty_box_is_written_down_and_moves_nothing(db: None) -> None:
    empty_kiosk(kiosk="K02", counted_fen=0, key="k2", actor=CLERK, occurred_at=NOON)
    assert (Remittance.objects.count(), Transfer.objects.count()) == (1, 0)
    with pytest.raises(InvalidField):
        empty_kiosk(kiosk="K02", counted_fen=-1, key="k3", actor=CLERK, occurred_at=NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        Remittance.objects.update(counted_fen=1)


def test_the_chips_purse_and_the_accounts_do_not_share_room(card: Card) -> None:
    fill_purse(card, 100_000)
    order = make_order(card=card, amount_fen=50_000, purse_kind="account")
    assert topup.receive_cash(order=order, actor=CLERK).state == State.CONFIRMED
