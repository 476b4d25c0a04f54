"""What happens at once: call-backs, clerks, chips. Real transactions, real threads."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from accounts.errors import (
    BalanceLimitExceeded,
    CardAlreadyHeld,
    IllegalCardTransition,
    IllegalOrderTransition,
)
from accounts.models import Card, GatewayEvent, Transfer
from accounts.selectors import invariants
from accounts.selectors.balances import account_balance_fen
from accounts.services import cards, topup
from accounts.services.ledger import open_account
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.core.models import BusinessDay
from citizencard.sandbox.callbacks import event_body, signature_header
from tests.accounts.chip import Chip
from tests.accounts.threads import in_threads
from tests.factories import CLERK, NOON, make_card, make_citizen, make_order, make_product

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("open_day")]


@pytest.fixture
def card(open_day: BusinessDay) -> Card:
    return make_card(product=make_product(price_fen=0, deposit_fen=0))


def test_one_payment_reported_eight_times_at_once(card: Card, settings: Any) -> None:
    order = make_order(card=card, channel="gateway", amount_fen=5_000)
    intent = {
        "id": "pi_1",
        "object": "payment_intent",
        "created": 1_772_424_000,
        "amount": 5_000,
        "currency": "cny",
        "status": "succeeded",
        "metadata": {"order_number": order.number},
    }
    body = event_body("payment_intent.succeeded", intent)
    signature = signature_header(body, settings.GATEWAY_WEBHOOK_SECRET)
    answers = in_threads(8, lambda _: topup.handle_gateway_event(body=body, signature=signature))
    assert {answer.outcome for answer in answers} == {GatewayEvent.Outcome.BOOKED}
    assert Transfer.objects.count() == 1


def test_two_clerks_take_the_same_cash(card: Card) -> None:
    order = make_order(card=card)
    in_threads(4, lambda _: topup.receive_cash(order=order, actor=CLERK))
    assert account_balance_fen(open_account(chart="1011").pk) == order.amount_fen


def test_cash_taken_while_another_clerk_drops_the_order(card: Card) -> None:
    """Whoever is first, order and ledger tell the same story."""
    for order in [make_order(card=card, amount_fen=1_000) for _ in range(8)]:
        steps = [
            lambda order=order: topup.receive_cash(order=order, actor=CLERK),
            lambda order=order: topup.reverse_topup(order=order, actor=CLERK, reason="dropped"),
        ]
        in_threads(2, lambda at, steps=steps: steps[at](), IllegalOrderTransition)
    assert invariants.broken() == []


def test_two_paid_orders_do_not_pass_the_limit_together(card: Card, demo_keys: KeyStore) -> None:
    """Unpaid orders hold nothing back, so both may be paid; the chip takes the first, the second is given back."""
    orders = [make_order(card=card, amount_fen=60_000) for _ in range(2)]
    in_threads(2, lambda at: topup.receive_cash(order=orders[at], actor=CLERK))
    chip = Chip(demo_keys, card)
    chip.load(orders[0])
    with pytest.raises(BalanceLimitExceeded):
        chip.load(orders[1])
    topup.reverse_topup(order=orders[1], actor=CLERK, reason="beyond the limit")
    assert account_balance_fen(open_account(chart="1011").pk) == chip.balance_fen == 60_000
    assert invariants.broken() == []


def test_one_card_per_citizen_whoever_is_faster(open_day: BusinessDay) -> None:
    citizen, product = make_citizen(), make_product(real_name=True)
    outcomes = in_threads(
        4,
        lambda _: cards.order_card(
            product=product, citizen=citizen, actor=CLERK, valid_from=date(2026, 3, 1)
        ),
        CardAlreadyHeld,
    )
    assert sum(isinstance(outcome, Card) for outcome in outcomes) == 1
    assert Card.objects.count() == 1


def test_one_step_is_taken_once(open_day: BusinessDay) -> None:
    card = make_card(state=Card.State.PERSONALISED)
    outcomes = in_threads(
        4, lambda _: cards.issue_card(card=card, actor=CLERK, occurred_at=NOON), IllegalCardTransition
    )
    assert sum(isinstance(outcome, Card) for outcome in outcomes) == 1
    assert card.events.filter(target="issued").count() == 1


def test_one_tac_confirmed_at_once_loads_once(card: Card, demo_keys: KeyStore) -> None:
    order = topup.receive_cash(order=make_order(card=card, amount_fen=5_000), actor=CLERK)
    chip = Chip(demo_keys, card)
    mac2 = topup.authorise_load(order=order, when=NOON, **chip.initialise(5_000))
    tac = chip.credit(5_000, mac2)
    in_threads(6, lambda _: topup.confirm_load(order=order, tac=tac, balance_after_fen=5_000))
    assert account_balance_fen(card.purse.account_id) == 5_000
    assert invariants.broken() == []
