"""A refund while it waits: what is under way on the card is settled, late taps arrive, the days pass. What the chip showed
is held against the books again each time.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q

from accounts import locks
from accounts.models import Card, Refund
from accounts.selectors.chip_evidence import ChipReading
from accounts.selectors.refund_blockers import PASSING
from accounts.selectors.refund_quote import RefundQuote, quote_refund
from accounts.services.cards import resume_card
from accounts.services.incidents import flag_tampered
from citizencard.core.calendar import shanghai
from citizencard.core.errors import CitizenCardError

logger = logging.getLogger(__name__)
State = Refund.State

TAMPERED: Final = "tampered"
"""The reason on record of a refund refused because of what the chip showed."""


@transaction.atomic
def advance_refund(*, refund: Refund, now: datetime) -> Refund:
    """Let a waiting refund go on as far as the day and the books allow; repeating changes nothing.

    What is under way on the card holds it back; so do its days of waiting, unless every counter has arrived before.
    """
    locks.lock_card(refund.card_id)
    current = locks.lock_refund(refund.pk)
    if current.state in (State.REQUESTED, State.COOLING):
        go_on(current, quote_standing(current), now)
        current.save()
    return current


def advance_refunds(*, now: datetime) -> int:
    """Every waiting refund that can go on does, each in a transaction of its own; how many did. For the sweeper."""
    today = shanghai(now).date()
    waiting = Refund.objects.filter(
        Q(state=State.REQUESTED)
        | Q(state=State.COOLING) & (Q(due_on__lte=today) | Q(chip_read_at__isnull=False))
    )
    return sum(_went_on(refund, now) for refund in waiting.order_by("pk"))


def quote_standing(refund: Refund, *, interest_fen: int = 0) -> RefundQuote:
    """The quote of a refund that was requested: the rules of that day, the books of now."""
    on = shanghai(refund.requested_at).date()
    card = Card.objects.select_related("product").get(pk=refund.card_id)
    return quote_refund(card=card, on=on, chip=_reading(refund), interest_fen=interest_fen)


def go_on(refund: Refund, quote: RefundQuote, now: datetime) -> None:
    """Take the steps of a locked, waiting refund that its quote allows."""
    if quote.evidence.tampered:
        refuse_tampered(refund, quote.evidence.tampered, now)
        return
    today = shanghai(now).date()
    if refund.state == State.REQUESTED and not _held_up(quote):
        refund.cool()
        _promise(refund, max(quote.due_on, today))
    if refund.state == State.COOLING and quote.evidence.matched and not _is_due(refund, today):
        _promise(refund, today)
    if refund.state == State.COOLING and _is_due(refund, today):
        refund.fall_due()


def _went_on(refund: Refund, now: datetime) -> bool:
    """One refund that cannot go on does not hold up the others."""
    try:
        return bool(advance_refund(refund=refund, now=now).state != refund.state)
    except CitizenCardError as refusal:
        logger.error("refund %s: %s", refund.number, refusal.code)
        return False


def _held_up(quote: RefundQuote) -> bool:
    return any(blocker.kind in PASSING for blocker in quote.blockers)


def _is_due(refund: Refund, today: date) -> bool:
    return refund.due_on is not None and refund.due_on <= today


def _promise(refund: Refund, due_on: date) -> None:
    refund.due_on = due_on
    refund.promised_by = due_on + timedelta(days=refund.policy.sla_days)


def refuse_tampered(refund: Refund, evidence: dict[str, int], now: datetime) -> None:
    """Flag the card and end its refund; the card stays listed as a candidate for the hot list."""
    card = locks.lock_card(refund.card_id)
    flag_tampered(card=card, evidence=evidence, actor=refund.requested_by, occurred_at=now)
    resume_card(
        card=card,
        state=refund.card_state,
        actor=refund.requested_by,
        reason=refund.number,
        occurred_at=now,
    )
    refund.refuse()
    refund.decided_at, refund.decision_reason = now, TAMPERED


def _reading(refund: Refund) -> ChipReading | None:
    if refund.chip_balance_fen is None or refund.chip_atc is None or refund.chip_read_at is None:
        return None
    return ChipReading(refund.chip_balance_fen, refund.chip_atc, refund.chip_read_at)
