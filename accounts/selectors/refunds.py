"""Refunds as people look for them: progress by tracking number, and the work lists of the office."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

from django.db.models import QuerySet

from accounts.models import CardFlag, Refund, RefundPart
from citizencard.core.calendar import SHANGHAI
from citizencard.core.errors import NotFound

State = Refund.State
_OPEN = (State.REQUESTED, State.COOLING, State.DUE, State.APPROVED, State.FAILED)


@dataclass(frozen=True, slots=True)
class RefundStep:
    """A stage on the way: `at` is when it was or will be reached, None when nobody can say."""

    state: Refund.State
    at: datetime | None
    is_reached: bool


@dataclass(frozen=True, slots=True)
class RefundProgress:
    """What the holder sees under the tracking number; amounts in fen, None before the approval."""

    number: str
    state: Refund.State
    payable_fen: int | None
    steps: tuple[RefundStep, ...]
    due_on: date | None
    promised_by: date | None
    is_late: bool


def refund_progress(number: str, *, on: date) -> RefundProgress:
    """How far a refund has come on a day. Names no person and no card. Raises NotFound."""
    refund = Refund.objects.filter(number=number).first()
    if refund is None:
        raise NotFound(what=number)
    state = State(refund.state)
    return RefundProgress(
        number=refund.number,
        state=state,
        payable_fen=refund.payable_fen,
        steps=_steps(refund, state),
        due_on=refund.due_on,
        promised_by=refund.promised_by,
        is_late=state in _OPEN and refund.promised_by is not None and on > refund.promised_by,
    )


def open_refunds() -> QuerySet[Refund]:
    """Refunds that have not ended, the most urgent first."""
    return Refund.objects.filter(state__in=_OPEN).order_by("promised_by", "pk")


def late_refunds(on: date) -> QuerySet[Refund]:
    """Open refunds whose promise is broken, the oldest first."""
    return open_refunds().filter(promised_by__lt=on)


def refunds_to_approve() -> QuerySet[Refund]:
    """Those that wait for a second person, the most urgent first."""
    return Refund.objects.filter(state=State.DUE).select_related("card").order_by("promised_by", "pk")


def bank_payouts() -> QuerySet[RefundPart]:
    """Parts the bank is to pay, the most urgent first; those without a payee wait for one."""
    waiting = RefundPart.objects.filter(method=RefundPart.Method.BANK, state=RefundPart.State.WAITING)
    return waiting.select_related("refund").order_by("refund__promised_by", "pk")


def flagged_cards() -> QuerySet[CardFlag]:
    """Open flags with their cards: candidates for the hot list, the oldest first."""
    return CardFlag.objects.filter(cleared_at=None).select_related("card").order_by("pk")


def _steps(refund: Refund, state: Refund.State) -> tuple[RefundStep, ...]:
    """The stages in order; a refund that was withdrawn or refused ends there."""
    begun = RefundStep(State.REQUESTED, refund.requested_at, True)
    if state in (State.WITHDRAWN, State.REFUSED):
        return begun, RefundStep(state, refund.decided_at, True)
    due_at = datetime.combine(refund.due_on, time.min, SHANGHAI) if refund.due_on else None
    is_decided = refund.payable_fen is not None
    return (
        begun,
        RefundStep(State.DUE, due_at, is_decided or state == State.DUE),
        RefundStep(State.APPROVED, refund.decided_at, is_decided),
        RefundStep(State.PAID, refund.paid_at, state == State.PAID),
    )
