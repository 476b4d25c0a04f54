"""An approved refund on its way to its payees: back to the original payers first, the rest in cash or by the bank.

What is owed stands in 2032 until a part is paid. A part the gateway cannot bring back, or the bank returns, becomes a part
to be paid by the bank; parts that have not failed always add up to the refund.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, Sum
from django.utils.translation import gettext as _

from accounts import locks
from accounts.errors import IllegalRefundTransition, PayeeMissing
from accounts.models import Card, GatewayRefund, Journal, Refund, RefundPart, RefundPolicy, TopUpOrder
from accounts.selectors.refund_blockers import Blocker, Blocking, in_words
from accounts.services import postings
from accounts.services.gateway_refunds import request_gateway_refund
from accounts.services.ledger import post_journal, reverse_journal
from citizencard.core.audit import record_audit
from citizencard.core.errors import Conflict, InvalidField
from citizencard.core.money import format_yuan

Method, Waiting = RefundPart.Method, RefundPart.State.WAITING
ACCOUNT_NUMBER: Final = re.compile(r"\d{12}")
"""What a payee reference must not hold: it is the token of a linked account."""


def check_payee(payee: str) -> None:
    """Raise InvalidField for what looks like an account number: only the token of a linked account is kept."""
    if ACCOUNT_NUMBER.search(payee):
        raise InvalidField("payee", _("a token of a linked account, never its number"))


def gateway_sources(card: Card) -> list[tuple[TopUpOrder, int]]:
    """The card's top-ups that came through the gateway, newest first, each locked, with what is not refunded of it (fen)."""
    paid = card.topups.filter(state=TopUpOrder.State.CONFIRMED, gateway_id__isnull=False)
    locked = {pk: locks.lock_order(pk) for pk in paid.order_by("pk").values_list("pk", flat=True)}
    refunded = dict(
        GatewayRefund.objects.filter(order_id__in=locked)
        .exclude(state=GatewayRefund.State.FAILED)
        .values_list("order_id")
        .annotate(total=Sum("amount_fen"))
    )
    newest_first = paid.order_by("-confirmed_at", "-pk").values_list("pk", flat=True)
    return [(locked[pk], locked[pk].amount_fen - refunded.get(pk, 0)) for pk in newest_first]


def allocate(amount_fen: int, sources: Sequence[tuple[TopUpOrder, int]]) -> list[tuple[TopUpOrder, int]]:
    """Spread an amount over sources in their order, to each at most what it has; what is left has no source."""
    shares = []
    for order, available_fen in sources:
        share_fen = min(amount_fen, available_fen)
        if share_fen > 0:
            shares.append((order, share_fen))
            amount_fen -= share_fen
    return shares


def divide_refund(
    *,
    refund: Refund,
    sources: Sequence[tuple[TopUpOrder, int]],
    no_cash: Blocker | None,
    actor: str,
    now: datetime,
) -> None:
    """Make the parts of a locked refund that is being approved, and write the gateway's into its outbox.

    The balance goes to the payers through the gateway, newest top-up first; deposit and price were paid in cash. The rest
    is cash up to the policy's limit, where nothing stands against cash and no account is named; else the bank's. Raises
    PayeeMissing, which says why it is not cash.
    """
    payable_fen, balance_fen = refund.payable_fen or 0, refund.balance_fen or 0
    shares = allocate(min(payable_fen, balance_fen), sources)
    for order, share_fen in shares:
        part = RefundPart.objects.create(
            refund=refund,
            key=f"{refund.number}:{order.number}",
            method=Method.GATEWAY,
            order=order,
            amount_fen=share_fen,
        )
        request_gateway_refund(
            order=order,
            amount_fen=share_fen,
            key=part.key,
            cause=GatewayRefund.Cause.REFUND,
            actor=actor,
        )
    rest_fen = payable_fen - sum(share_fen for _, share_fen in shares)
    against_cash = _against_cash(refund.policy, rest_fen, no_cash)
    in_cash = against_cash is None and not refund.payee
    if rest_fen and against_cash is not None and not refund.payee:
        raise PayeeMissing(
            number=refund.number,
            reason=in_words(against_cash),
            legal_basis=against_cash.rule,
            until=against_cash.until,
        )
    if rest_fen:
        _add_part(refund, Method.CASH if in_cash else Method.BANK, rest_fen)
    _settle(refund, now)


def _against_cash(policy: RefundPolicy, amount_fen: int, no_cash: Blocker | None) -> Blocker | None:
    if no_cash is not None or amount_fen <= policy.cash_limit_fen:
        return no_cash
    reason = _("cash is paid up to %(limit)s yuan") % {"limit": format_yuan(policy.cash_limit_fen)}
    return Blocker(Blocking.CASH_LIMIT, reason, policy.legal_basis)


@transaction.atomic
def pay_refund_in_cash(*, refund: Refund, actor: str, occurred_at: datetime) -> Refund:
    """The holder takes the cash part at the counter; again, nothing changes. Audited. Raises IllegalRefundTransition."""
    current = locks.lock_refund(refund.pk)
    part = current.parts.filter(method=Method.CASH).first()
    if part is None:
        target = RefundPart.Method.CASH.label
        raise IllegalRefundTransition(source=Refund.State(current.state).label, target=target)
    if part.state == Waiting:
        _pay(part, actor=actor, occurred_at=occurred_at)
        _settle(current, occurred_at)
    return current


@transaction.atomic
def confirm_bank_payout(*, part: RefundPart, actor: str, reference: str, occurred_at: datetime) -> Refund:
    """The bank has paid a part, under its `reference`; again with the same one, nothing changes. Audited.

    Raises PayeeMissing, Conflict for a part that is not the bank's, has failed, or was paid under another reference.
    """
    refund = locks.lock_refund(part.refund_id)
    current = refund.parts.get(pk=part.pk)
    if current.method != Method.BANK or current.state == RefundPart.State.FAILED:
        raise Conflict(what=current.key)
    if current.state == RefundPart.State.PAID:
        if current.reference != reference:
            raise Conflict(what=current.key)
        return refund
    if not refund.payee:
        raise PayeeMissing(number=refund.number)
    current.reference = reference
    _pay(current, actor=actor, occurred_at=occurred_at)
    _settle(refund, occurred_at)
    return refund


@transaction.atomic
def return_bank_payout(*, part: RefundPart, actor: str, reason: str, occurred_at: datetime) -> Refund:
    """The bank sends a paid part back: it is owed again, and to be paid once more. Again, nothing changes. Audited.

    Raises Conflict for a part the bank has not paid.
    """
    refund = locks.lock_refund(part.refund_id)
    current = refund.parts.get(pk=part.pk)
    if current.method == Method.BANK and current.state == RefundPart.State.FAILED:
        return refund
    if current.method != Method.BANK or current.state != RefundPart.State.PAID:
        raise Conflict(what=current.key)
    paid = Journal.objects.get(key=_paid_key(current))
    reverse_journal(journal=paid, actor=actor, reason=reason)
    _fail(refund, current, reason, occurred_at)
    return refund


@transaction.atomic
def name_payee(*, refund: Refund, payee: str, actor: str) -> Refund:
    """The linked account (its token) that the bank's parts go to. Audited. Raises InvalidField."""
    check_payee(payee)
    current = locks.lock_refund(refund.pk)
    current.payee = payee
    current.save(update_fields=["payee"])
    record_audit(actor=actor, action="refund.payee", subject=f"refund:{current.number}")
    return current


def follow_gateway_refunds(*, now: datetime) -> int:
    """Take over what became of the parts the gateway was asked for; how many changed. For the sweeper; repeatable."""
    known = GatewayRefund.objects.filter(key=OuterRef("key"))
    parts = RefundPart.objects.filter(method=Method.GATEWAY).filter(
        Q(Exists(known.filter(state=GatewayRefund.State.SUCCEEDED)), state=Waiting)
        | Q(Exists(known.filter(state=GatewayRefund.State.FAILED))) & ~Q(state=RefundPart.State.FAILED)
    )
    return sum(_follow(part, now) for part in parts.order_by("pk"))


@transaction.atomic
def _follow(part: RefundPart, now: datetime) -> bool:
    refund = locks.lock_refund(part.refund_id)
    current = refund.parts.get(pk=part.pk)
    asked = GatewayRefund.objects.get(key=current.key)
    if asked.state == GatewayRefund.State.FAILED and current.state != RefundPart.State.FAILED:
        _fail(refund, current, asked.failure, now)
        return True
    if asked.state == GatewayRefund.State.SUCCEEDED and current.state == Waiting:
        current.pay()
        current.reference, current.settled_at = asked.gateway_id or "", now
        current.save()
        _settle(refund, now)
        return True
    return False


def _add_part(refund: Refund, method: RefundPart.Method, amount_fen: int) -> None:
    """Numbered within the refund, whose lock the caller holds."""
    key = f"{refund.number}:{refund.parts.count() + 1}"
    RefundPart.objects.create(refund=refund, key=key, method=method, amount_fen=amount_fen)


def _pay(part: RefundPart, *, actor: str, occurred_at: datetime) -> None:
    part.pay()
    part.settled_at = occurred_at
    part.save()
    post_journal(
        key=_paid_key(part),
        kind="refund_paid",
        actor=actor,
        source=part.refund.number,
        legs=postings.refund_part_paid(part=part, occurred_at=occurred_at),
    )
    record_audit(
        actor=actor,
        action="refund.pay",
        subject=f"refund:{part.refund.number}",
        detail={"method": part.method, "amount_fen": part.amount_fen, "reference": part.reference},
    )


def _fail(refund: Refund, part: RefundPart, failure: str, now: datetime) -> None:
    """A part that came back is owed still: the bank pays it."""
    part.fail()
    part.failure, part.settled_at = failure[:200], now
    part.save()
    _add_part(refund, Method.BANK, part.amount_fen)
    if refund.state != Refund.State.FAILED:
        refund.fail()
        refund.paid_at = None
        refund.save()


def _settle(refund: Refund, now: datetime) -> None:
    """PAID once no part is waiting."""
    if not refund.parts.filter(state=Waiting).exists():
        refund.pay()
        refund.paid_at = now
        refund.save()


def _paid_key(part: RefundPart) -> str:
    return f"refund-paid:{part.key}"
