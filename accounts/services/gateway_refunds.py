"""Money back through the payment gateway: asked for in the transaction of its cause, sent afterwards, asked again until
the gateway has answered.

The money is owed (2032) from the cause on; it leaves that account when the gateway says that the refund succeeded, and
comes back to it when the payer's bank returns it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts import locks
from accounts.errors import (
    GatewayError,
    GatewayEventMismatch,
    GatewayUnavailable,
    RefundExceedsPayment,
    WrongChannel,
)
from accounts.gateway import configured_gateway, port
from accounts.models import GatewayRefund, TopUpOrder
from accounts.services import postings
from accounts.services.ledger import Leg, post_journal
from citizencard.core.errors import Conflict

logger = logging.getLogger(__name__)
State = GatewayRefund.State

ACTOR = "gateway"
"""Who posts when the gateway reports a refund."""
ASK_AGAIN_AFTER: Final = timedelta(minutes=1)


@transaction.atomic
def request_gateway_refund(
    *, order: TopUpOrder, amount_fen: int, key: str, cause: str, actor: str
) -> GatewayRefund:
    """Owe `amount_fen` of an order's payment to its payer, through the gateway; the same row when called again.

    The caller books the money as owed (2032) in the same transaction. Raises WrongChannel (not paid through the
    gateway), RefundExceedsPayment, Conflict (the key was used for something else).
    """
    order = locks.lock_order(order.pk)
    if order.gateway_id is None or order.paid_at is None:
        raise WrongChannel(channel=order.get_channel_display())
    known = GatewayRefund.objects.filter(key=key).first()
    if known is not None:
        if (known.order_id, known.amount_fen, known.cause) != (order.pk, amount_fen, cause):
            raise Conflict(what=f"refund {key}")
        return known
    try:
        with transaction.atomic():
            return GatewayRefund.objects.create(
                key=key, order=order, amount_fen=amount_fen, cause=cause, actor=actor
            )
    except IntegrityError as error:
        diagnosis = getattr(error.__cause__, "diag", None)
        if getattr(diagnosis, "constraint_name", None) == "gateway_refunds_within_payment":
            raise RefundExceedsPayment(number=order.number) from error
        raise


def send_gateway_refunds(*, now: datetime) -> int:
    """Send what is to be sent and ask after what is unsettled; how many were settled. For the sweeper.

    Safe to run twice at once: each refund is asked for by one of them, and the gateway knows it by its key.
    """
    return sum(_ask(pk, now) for pk in _due(now).values_list("pk", flat=True).order_by("pk"))


def note_refund(reported: port.GatewayRefund) -> bool:
    """Take over what the gateway says of a refund; whether that changed anything. In the caller's transaction, if any.

    Raises GatewayEventMismatch: not ours, or not what we asked for.
    """
    with transaction.atomic():
        refund = _locked(reported)
        before = refund.state, refund.gateway_id
        if refund.state != State.FAILED:
            refund.gateway_id = reported.id
        _follow(refund, reported)
        refund.save()
        return before != (refund.state, refund.gateway_id)


def _due(now: datetime) -> QuerySet[GatewayRefund]:
    unsettled = GatewayRefund.objects.filter(state__in=[State.REQUESTED, State.SENT])
    return unsettled.filter(Q(asked_at=None) | Q(asked_at__lte=now - ASK_AGAIN_AFTER))


def _ask(pk: int, now: datetime) -> bool:
    """Ask the gateway about one refund, unless somebody else just did; whether it is settled now."""
    if not _due(now).filter(pk=pk).update(asked_at=now, attempts=F("attempts") + 1):
        return False
    refund = GatewayRefund.objects.select_related("order").get(pk=pk)
    try:
        note_refund(_answer(refund))
    except GatewayUnavailable:
        logger.warning("refund %s: no answer, will be asked again", refund.key)
    except GatewayEventMismatch as refusal:
        logger.error("refund %s: the gateway's answer differs in %s", refund.key, refusal.data["field"])
    except GatewayError as refusal:
        logger.error("refund %s: %s", refund.key, refusal.data)
        if refusal.is_final:
            _refused(refund, str(refusal.data.get("gateway_code") or refusal.code))
    refund.refresh_from_db()
    return refund.settled_at is not None


def _answer(refund: GatewayRefund) -> port.GatewayRefund:
    gateway = configured_gateway()
    if refund.gateway_id is not None:
        return gateway.retrieve_refund(refund.gateway_id)
    return gateway.refund_payment(
        payment_id=refund.order.gateway_id or "", amount_fen=refund.amount_fen, key=refund.key
    )


@transaction.atomic
def _refused(refund: GatewayRefund, failure: str) -> None:
    locks.lock_order(refund.order_id)
    current = locks.lock_gateway_refund(refund.pk)
    if current.state == State.REQUESTED:
        _fail(current, failure)
        current.save()


def _locked(reported: port.GatewayRefund) -> GatewayRefund:
    known = GatewayRefund.objects.select_related("order").filter(key=reported.key).first()
    if known is None:
        raise GatewayEventMismatch(field="key")
    if reported.payment_id != known.order.gateway_id:
        raise GatewayEventMismatch(field="payment")
    if (reported.amount_fen, reported.currency) != (known.amount_fen, port.CURRENCY):
        raise GatewayEventMismatch(field="amount")
    if known.gateway_id not in (None, reported.id):
        raise GatewayEventMismatch(field="id")
    locks.lock_order(known.order_id)
    return locks.lock_gateway_refund(known.pk)


def _follow(refund: GatewayRefund, reported: port.GatewayRefund) -> None:
    """Let our refund become what the gateway's is; a message from before changes nothing."""
    unsettled = refund.state in (State.REQUESTED, State.SENT)
    match reported.status:
        case port.RefundStatus.PENDING if refund.state == State.REQUESTED:
            refund.send()
        case port.RefundStatus.SUCCEEDED if unsettled:
            _succeed(refund)
        case port.RefundStatus.FAILED | port.RefundStatus.CANCELED if refund.state != State.FAILED:
            _fail(refund, reported.failure or reported.status)


def _succeed(refund: GatewayRefund) -> None:
    refund.succeed()
    refund.settled_at = timezone.now()
    _post(refund, "gateway-refund", "refund_paid", postings.gateway_refund_paid(refund=refund))


def _fail(refund: GatewayRefund, failure: str) -> None:
    returned = refund.state == State.SUCCEEDED
    refund.fail()
    refund.settled_at, refund.failure = timezone.now(), failure[:200]
    if returned:
        legs = postings.gateway_refund_returned(refund=refund)
        _post(refund, "gateway-refund-returned", "refund_returned", legs)


def _post(refund: GatewayRefund, event: str, kind: str, legs: Sequence[Leg]) -> None:
    key, source = f"{event}:{refund.key}", refund.order.number
    post_journal(key=key, kind=kind, actor=ACTOR, source=source, legs=legs)
