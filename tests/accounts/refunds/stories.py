"""What the tests of refunds share: policies, cards, chips as read, late taps, payments through the gateway."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction

from accounts import locks
from accounts.gateway import port
from accounts.models import (
    Card,
    CardProduct,
    GatewayRefund,
    Hold,
    LedgerAccount,
    Purse,
    Refund,
    RefundPart,
    TopUpOrder,
)
from accounts.selectors.balances import account_balance_fen
from accounts.selectors.chip_evidence import ChipReading
from accounts.services import holds
from accounts.services.gateway_refunds import note_refund
from accounts.services.ledger import open_account
from accounts.services.orders import receive_money
from accounts.services.refund_policies import publish_refund_policy
from accounts.services.refund_waiting import advance_refund
from accounts.services.refunds import approve_refund, request_refund
from terminals.services.acceptance import accept_batch
from terminals.wire.batch import build_batch
from tests.factories import CLERK, NOON, fill_purse, make_card, make_citizen, make_order, make_product
from tests.terminals.field import Field

OFFICER = "officer"
"""The second person."""
LATER = NOON + timedelta(days=30)
"""When every waiting is over."""
_payments = itertools.count(1)
_batches = itertools.count(1)


def publish(product: CardProduct, **changes: Any) -> None:
    """A policy: redeemable at once, seven days for late taps, no fee, 100 yuan in cash."""
    terms: dict[str, Any] = {
        "valid_from": date(2026, 1, 1),
        "legal_basis": "办法 §1",
        "redeemable": True,
        "waiting_days": 7,
        "sla_days": 14,
        "no_reason_days": 0,
        "cash_limit_fen": 100_000,
        "actor": "finance",
    }
    publish_refund_policy(product=product, **(terms | changes))


def anonymous_card(amount_fen: int = 10_000, *, code: str = "anonymous", **policy: Any) -> Card:
    product = make_product(code=code)
    publish(product, **policy)
    card = make_card(product=product)
    if amount_fen:
        fill_purse(card, amount_fen)
    return fresh(card)


def named_card(amount_fen: int = 10_000, *, product: dict[str, Any] | None = None, **policy: Any) -> Card:
    terms = {"deposit_fen": 1_000, "account_limit_fen": 500_000} | (product or {})
    kind = make_product(real_name=True, **terms)
    publish(kind, **policy)
    card = make_card(product=kind, citizen=make_citizen())
    if amount_fen:
        fill_purse(card, amount_fen)
    return fresh(card)


def fresh(card: Card) -> Card:
    return Card.objects.select_related("product").get(pk=card.pk)


def shown(balance_fen: int, atc: int = 0, at: datetime = NOON) -> ChipReading:
    return ChipReading(balance_fen, atc, at)


def ask(card: Card, **changes: Any) -> Refund:
    values: dict[str, Any] = {"actor": CLERK, "reason": "moving away", "occurred_at": NOON} | changes
    return request_refund(card=card, **values)


def due(card: Card, **changes: Any) -> Refund:
    """A refund whose waiting is over."""
    refund = advance_refund(refund=ask(card, **changes), now=LATER)
    assert refund.state == Refund.State.DUE
    return refund


def approved(card: Card, **changes: Any) -> Refund:
    return approve_refund(refund=due(card, **changes), actor=OFFICER, occurred_at=LATER)


def tap(field: Field, card: Card, atc: int, amount_fen: int = 200, **changes: Any) -> None:
    """A purchase that is uploaded now, whenever it was made."""
    record = field.tap(card, atc, amount_fen, **changes)
    accept_batch(terminal=field.terminal, body=build_batch(f"R{next(_batches)}", [record]))


def pay_online(card: Card, amount_fen: int, *, order: TopUpOrder | None = None) -> TopUpOrder:
    """A top-up of the account purse through the gateway."""
    order = order or make_order(card=card, amount_fen=amount_fen, channel="gateway", purse_kind="account")
    TopUpOrder.objects.filter(pk=order.pk).update(gateway_id=f"pi_refund_{next(_payments)}")
    with transaction.atomic():
        receive_money(locks.lock_order(order.pk), actor="gateway")
    return TopUpOrder.objects.get(pk=order.pk)


def reserve(card: Card, amount_fen: int) -> Hold:
    """A hold on the account purse, for an hour."""
    payee = open_account(chart="2202", owner="bike")
    return holds.reserve(
        purse=card.purses.get(kind="account"),
        payee=payee.pk,
        amount_fen=amount_fen,
        key=f"bike-{card.pan}",
        channel="shop",
        expires_at=NOON + timedelta(hours=1),
        reason="bike",
        actor="bike",
        occurred_at=NOON,
    )


def gateway_says(part: RefundPart, status: port.RefundStatus, failure: str = "") -> None:
    """The gateway reports what became of a part."""
    asked = GatewayRefund.objects.select_related("order").get(key=part.key)
    reported = port.GatewayRefund(
        id=f"re_{asked.pk}",
        payment_id=asked.order.gateway_id or "",
        amount_fen=asked.amount_fen,
        currency="cny",
        status=status,
        key=asked.key,
        created_at=NOON,
        failure=failure,
    )
    note_refund(reported)


def fen(code: str) -> int:
    """What an account holds on its normal side; nothing when it was never opened."""
    account = LedgerAccount.objects.filter(code=code).first()
    return 0 if account is None else account_balance_fen(account.pk)


def purse_fen(card: Card, kind: str = "chip") -> int:
    return Purse.objects.get(card=card, kind=kind).balance_fen


def parts(refund: Refund) -> list[tuple[str, int, str]]:
    return list(refund.parts.order_by("pk").values_list("method", "amount_fen", "state"))
