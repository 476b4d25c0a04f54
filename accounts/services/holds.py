"""Holds: reserve an amount of an account purse, then capture it wholly or in part, release it, or let it expire.

The limits of the day judge the reservation; what is captured later counts on that day. The database keeps balance − held
at or above the floor, so what is reserved is there when it is captured.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.errors import (
    AccountNotOpen,
    HoldExceeded,
    HoldExpired,
    IllegalHoldTransition,
    PurseFloorReached,
)
from accounts.models import Card, Hold, LedgerAccount, Payment, Purse
from accounts.services import limits
from accounts.services.orders import require_active
from accounts.services.payments import post_payment, require_account_purse
from citizencard.core.calendar import shanghai
from citizencard.core.errors import Conflict, InvalidField
from citizencard.core.states import step_to

_SWEEP: Final = 1_000
"""Holds that expire in one transaction: their purses are locked no longer than that takes."""
_MOVED: Final = ("state", "captured_fen", "ended_at")
"""What a step of a hold changes; the database moves what the purse has reserved with it."""


@transaction.atomic
def reserve(
    *,
    purse: Purse,
    payee: int,
    amount_fen: int,
    key: str,
    channel: str,
    expires_at: datetime,
    reason: str,
    actor: str,
    occurred_at: datetime,
) -> Hold:
    """Set `amount_fen` aside for `payee` (id of a ledger account), once per `key`: a repeat returns the first hold.

    Raises NoAccountPurse, CardNotActive, AccountNotOpen, AmountOutOfRange, LimitExceeded, PurseFloorReached, Conflict,
    and InvalidField when it would expire before it began.
    """
    require_account_purse(purse)
    limits.check_amount(purse=purse, amount_fen=amount_fen)
    if expires_at <= occurred_at:
        raise InvalidField("expires_at", _("a reservation ends after it began"))
    current = locks.lock_purse(purse.card_id, purse.kind)
    if (found := Hold.objects.filter(key=key).first()) is not None:
        wanted = (current.pk, payee, amount_fen, channel)
        if (found.purse_id, found.payee_id, found.amount_fen, found.channel) != wanted:
            raise Conflict(what=f"hold {key}")
        return found
    require_active(Card.objects.get(pk=current.card_id))
    if current.account.state != LedgerAccount.State.OPEN:
        raise AccountNotOpen(account=current.account.code)
    on = shanghai(occurred_at).date()
    limits.check_payment(purse=current, amount_fen=amount_fen, channel=channel, on=on)
    if amount_fen > current.available_fen:
        raise PurseFloorReached
    return Hold.objects.create(
        key=key,
        purse=current,
        payee_id=payee,
        amount_fen=amount_fen,
        channel=channel,
        counted_on=on,
        expires_at=expires_at,
        reason=reason,
        actor=actor,
        occurred_at=occurred_at,
    )


@transaction.atomic
def capture(
    *,
    hold: Hold,
    amount_fen: int,
    key: str,
    actor: str,
    occurred_at: datetime,
    final: bool = True,
    place: str = "",
) -> Payment:
    """Pay some or all of what is still reserved, once per `key`: a repeat returns the first payment.

    The rest is free again, or stays reserved when this was not `final`. A card lost since then still pays. Raises
    AmountOutOfRange, HoldExpired (by `occurred_at`), HoldExceeded, IllegalHoldTransition, Conflict, AccountNotOpen.
    """
    current = locks.lock_hold(hold.pk)
    limits.check_amount(purse=current.purse, amount_fen=amount_fen)
    payment = Payment(
        key=key,
        purse=current.purse,
        payee_id=current.payee_id,
        amount_fen=amount_fen,
        channel=current.channel,
        place=place,
        hold=current,
        counted_on=current.counted_on,
        actor=actor,
        occurred_at=occurred_at,
    )
    if not Payment.objects.filter(key=key).exists():
        _take(current, amount_fen, occurred_at, final)
    return post_payment(payment)


@transaction.atomic
def release(*, hold: Hold, occurred_at: datetime) -> Hold:
    """Free what is still reserved. A repeat changes nothing. Raises IllegalHoldTransition once captured or expired."""
    current = locks.lock_hold(hold.pk)
    if current.state != Hold.State.RELEASED:
        with step_to(Hold.State.RELEASED, IllegalHoldTransition):
            current.release(occurred_at)
        current.save(update_fields=_MOVED)
    return current


def expire_holds(*, now: datetime) -> int:
    """Free what is reserved beyond its time; how many holds that were. Safe at any time and in any number."""
    expired = 0
    while True:
        with transaction.atomic():
            due = locks.lock_due_holds(now, _SWEEP)
            Hold.objects.filter(pk__in=due).update(state=Hold.State.EXPIRED, ended_at=now)
        expired += len(due)
        if len(due) < _SWEEP:
            return expired


def _take(hold: Hold, amount_fen: int, at: datetime, final: bool) -> None:
    """Take `amount_fen` out of a locked hold."""
    if hold.state == Hold.State.RESERVED and hold.expires_at <= at:
        raise HoldExpired(expires_at=hold.expires_at)
    if hold.state == Hold.State.RESERVED and amount_fen > hold.remaining_fen:
        raise HoldExceeded(remaining_fen=hold.remaining_fen)
    if final or amount_fen == hold.remaining_fen:
        with step_to(Hold.State.CAPTURED, IllegalHoldTransition):
            hold.capture(amount_fen, at)
    else:
        with step_to(Hold.State.RESERVED, IllegalHoldTransition):
            hold.capture_part(amount_fen)
    hold.save(update_fields=_MOVED)
