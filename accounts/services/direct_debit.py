"""Collecting on mandates: when a purse runs low, its mandate's amount is debited once, never beyond its caps.

Three phases, so that no network call happens inside a transaction: a collection and its order are written, the bank is
asked, the outcome is written. Until it is, the same order is asked about again and no other is begun, so a lost answer never
becomes a second debit. A purse on a chip gets a paid order that waits for the next reader; an account purse is credited at
once. Run as often as wanted, by as many as want.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.utils import timezone

from accounts import locks
from accounts.errors import GatewayDeclined, GatewayError, GatewayEventMismatch
from accounts.gateway import configured_gateway
from accounts.gateway.port import Payment, PaymentStatus
from accounts.models import Mandate, MandateCollection, Notice, TopUpOrder
from accounts.services.gateway_evidence import record_polled
from accounts.services.gateway_payment import settle_payment
from accounts.services.mandates import stop_locked, tell
from accounts.services.orders import was_paid
from accounts.services.topup import order_topup, reverse_topup
from citizencard.core.calendar import shanghai
from citizencard.core.errors import CitizenCardError

State = MandateCollection.State
ACTOR: Final = "direct-debit"
"""Who orders, and who drops what the bank refused."""
DECLINES_MAX: Final = 3
"""Declined on so many days in a row, a mandate stops: the account is empty or gone."""
IN_FLIGHT: Final = timedelta(minutes=10)
"""A debit that was on its way when its mandate stopped has reached the gateway by then, or never will."""
_CLOCKS: Final = timedelta(hours=1)
"""How far the gateway's clock may be from ours."""
_log = logging.getLogger(__name__)

# Active mandates on active cards whose purse, with what is on its way to the chip, is below the threshold; with nothing
# under way, not declined today, and room for the amount under both caps. With `only` one of them, asked under its lock.
_DUE: Final = """
SELECT mandate.id
FROM accounts_mandate AS mandate
JOIN accounts_purse AS purse ON purse.id = mandate.purse_id
JOIN accounts_card AS card ON card.id = purse.card_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount_fen) FILTER (WHERE date = %(today)s AND c.state = 'collected'), 0) AS day_fen,
        coalesce(sum(amount_fen) FILTER (WHERE c.state = 'collected'), 0) AS month_fen,
        coalesce(bool_or(date = %(today)s AND c.state = 'declined'), false) AS declined
    FROM accounts_mandatecollection AS c JOIN accounts_topuporder AS topup ON topup.id = c.order_id
    WHERE c.mandate_id = mandate.id AND date_trunc('month', date) = date_trunc('month', %(today)s)
) AS used
WHERE mandate.state = 'active' AND card.state = 'active' AND (purse.kind <> 'chip' OR card.valid_to >= %(today)s)
    AND accounts_promised_fen(purse.id) - purse.held_fen < mandate.threshold_fen
    AND used.day_fen + mandate.amount_fen <= mandate.day_cap_fen
    AND used.month_fen + mandate.amount_fen <= mandate.month_cap_fen
    AND NOT used.declined
    AND NOT EXISTS (SELECT FROM accounts_mandatecollection AS c WHERE c.mandate_id = mandate.id AND c.state = 'pending')
    AND (%(only)s::bigint IS NULL OR mandate.id = %(only)s)
ORDER BY mandate.id
"""


def collect_due(*, now: datetime) -> int:
    """Bring what is under way to its end, then collect on every mandate that is due at `now`; how many were collected.

    One mandate's trouble is logged and stops no other.
    """
    waiting = MandateCollection.objects.filter(state=State.PENDING).order_by("pk")
    collected = sum(_tried(collection, now) for collection in waiting)
    for mandate_id in _due(shanghai(now).date()):
        try:
            begun = _begin(mandate_id, now)
        except CitizenCardError as error:
            _log.warning("mandate %s: not collected, %s", mandate_id, error.code)
            continue
        if begun is not None:
            collected += _tried(begun, now)
    return collected


def _tried(collection: MandateCollection, now: datetime) -> bool:
    try:
        return _ask(collection, now)
    except CitizenCardError as error:
        _log.warning("collection %s: outcome unknown, %s", collection.pk, error.code)
        return False


@transaction.atomic
def _begin(mandate_id: int, now: datetime) -> MandateCollection | None:
    """The collection and its order, written before the bank is asked; None if another run was faster."""
    card_id = Mandate.objects.values_list("purse__card_id", flat=True).get(pk=mandate_id)
    card = locks.lock_card(card_id)
    mandate = locks.lock_mandate(mandate_id)
    today = shanghai(now).date()
    if not _due(today, only=mandate_id):
        return None
    number = mandate.collections.filter(date=today).count() + 1
    order = order_topup(
        card=card,
        amount_fen=mandate.amount_fen,
        channel=TopUpOrder.Channel.MANDATE,
        actor=ACTOR,
        occurred_at=now,
        purse_kind=mandate.purse.kind,
        request_key=f"mandate:{mandate.reference}:{today}:{number}",
    )
    return MandateCollection.objects.create(mandate=mandate, date=today, number=number, order=order)


def _ask(collection: MandateCollection, now: datetime) -> bool:
    """Debit the bank, or hear what became of it; whether the money was collected. Raises what leaves the outcome open."""
    mandate = Mandate.objects.get(pk=collection.mandate_id)
    order = TopUpOrder.objects.get(pk=collection.order_id)
    if mandate.state != Mandate.State.ACTIVE:
        return _call_off(collection, order, now)
    try:
        payment = configured_gateway().collect_payment(
            order_number=order.number,
            amount_fen=order.amount_fen,
            method=mandate.gateway_method,
            mandate=mandate.gateway_mandate,
        )
    except GatewayError as refusal:
        if not refusal.is_final:
            raise
        return _fail(collection, State.DECLINED, refusal)
    if payment.status is PaymentStatus.CANCELED:
        return _fail(collection, State.DECLINED)
    return payment.status is PaymentStatus.SUCCEEDED and _book(collection, payment)


def _call_off(collection: MandateCollection, order: TopUpOrder, now: datetime) -> bool:
    """The mandate was stopped: take the money if it has been debited already, and see to it that it is not debited now.

    Asking to collect again might be the debit, so the gateway's list is searched instead.
    """
    gateway = configured_gateway()
    listed = gateway.payments_between(start=order.received_at - _CLOCKS, end=timezone.now() + _CLOCKS)
    sent = next((payment for payment in listed if payment.order_number == order.number), None)
    if sent is None:
        return now - order.occurred_at >= IN_FLIGHT and _fail(collection, State.DROPPED)
    if sent.status is PaymentStatus.SUCCEEDED:
        return _book(collection, sent)
    gateway.cancel_payment(sent.id)
    return _fail(collection, State.DROPPED)


def _book(collection: MandateCollection, payment: Payment) -> bool:
    """The money came: the order is paid, whatever became of the mandate meanwhile. Raises GatewayEventMismatch."""
    try:
        with transaction.atomic():
            mandate = locks.lock_mandate(collection.mandate_id)
            settle_payment(payment)
            return _count(mandate, collection)
    except GatewayEventMismatch as contradiction:
        record_polled(payment, fault=contradiction.data["field"])
        raise


def _count(mandate: Mandate, collection: MandateCollection) -> bool:
    """A locked mandate's collection has succeeded; False if that was known."""
    if not _end(collection, State.COLLECTED):
        return False
    mandate.declines = 0
    mandate.save(update_fields=["declines"])
    tell(mandate, Notice.Code.MANDATE_COLLECTED)
    return True


@transaction.atomic
def _fail(collection: MandateCollection, state: str, refusal: GatewayError | None = None) -> bool:
    """No money came and none will: the order is dropped, and a bank's no counted. False, for nothing was collected.

    What a call-back has booked meanwhile stays booked.
    """
    mandate = locks.lock_mandate(collection.mandate_id)
    order = locks.lock_order(collection.order_id)
    if was_paid(order):
        return _count(mandate, collection)
    code = str(refusal.data.get("decline_code") or refusal.code) if refusal else ""
    if not _end(collection, state, decline_code=code[:60]):
        return False
    reverse_topup(order=order, actor=ACTOR, reason=code or state)
    if isinstance(refusal, GatewayDeclined):
        _count_decline(mandate, order)
    return False


def _count_decline(mandate: Mandate, order: TopUpOrder) -> None:
    mandate.declines += 1
    mandate.save(update_fields=["declines"])
    tell(mandate, Notice.Code.MANDATE_DECLINED)
    if mandate.declines >= DECLINES_MAX and mandate.state == Mandate.State.ACTIVE:
        stop_locked(mandate, reason=Mandate.StopReason.DECLINED, occurred_at=order.occurred_at)


def _end(collection: MandateCollection, state: str, **facts: str) -> bool:
    """Whether this run is the one that ended the collection."""
    pending = MandateCollection.objects.filter(pk=collection.pk, state=State.PENDING)
    return pending.update(state=state, **facts) == 1


def _due(today: date, only: int | None = None) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"today": today, "only": only})
        return [mandate_id for (mandate_id,) in cursor.fetchall()]
