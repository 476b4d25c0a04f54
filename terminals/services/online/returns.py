"""Purchases taken back by the merchant who was paid: cancelled whole on their business day, or refunded later.

The chip has paid and only a reader can put value onto it, so what is given back waits as a top-up for that card, out of the
merchant's account. Both can be repeated: a cancellation is one per purchase, a refund one per number of its terminal.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.models import Card, DisputedCharge
from accounts.selectors.disputed import disputed_fen
from accounts.services.purchase_refunds import give_back
from citizencard.core.audit import record_audit
from citizencard.core.calendar import assign_business_date, shanghai
from citizencard.core.errors import Conflict, InvalidField
from terminals.errors import (
    AlreadyReversed,
    PurchaseDayClosed,
    PurchaseNotPaid,
    PurchaseNotYours,
    PurchaseOverRefunded,
    PurchaseUnknown,
    ReturnNotAllowed,
)
from terminals.models import PurchaseReturn, Tap, Terminal
from terminals.selectors.given_back import given_back_fen
from terminals.services.online.return_rules import return_rule

Outcome = Tap.Outcome


@dataclass(frozen=True, slots=True)
class Named:
    """A purchase as the receipt names it: the numbers of its terminal, and the card."""

    terminal_no: str
    terminal_seq: int
    card_no: str


@transaction.atomic
def reverse_purchase(
    *, terminal: Terminal, purchase: Named, amount_fen: int, occurred_at: datetime
) -> PurchaseReturn:
    """Cancel a purchase of the open business day, all of it; the same terminal asking again gets the first one.

    Raises PurchaseUnknown, PurchaseNotYours, InvalidField (another amount), AlreadyReversed, PurchaseNotPaid,
    PurchaseDayClosed, ReturnNotAllowed, PurchaseOverRefunded (refunded in part before), and what `post_journal` raises.
    """
    tap, card = _found(terminal, purchase)
    if amount_fen != tap.amount_fen:
        raise InvalidField("amount_fen", f"the purchase was over {tap.amount_fen} fen")
    today = assign_business_date()
    if (first := _returns(tap).filter(number=None).first()) is not None:
        if first.terminal_id != terminal.pk:
            raise AlreadyReversed
        return first
    _demand_paid(tap)
    if tap.business_date != today:
        raise PurchaseDayClosed
    if not return_rule(terminal.merchant.channel, shanghai(tap.occurred_at).date()).cancel:
        raise ReturnNotAllowed
    return _return(terminal, tap, card, None, amount_fen, today, occurred_at)


@transaction.atomic
def refund_purchase(
    *,
    terminal: Terminal,
    purchase: Named,
    number: int,
    amount_fen: int,
    occurred_at: datetime,
    now: datetime | None = None,
    actor: str = "",
) -> PurchaseReturn:
    """Give some or all of a purchase back, once per `number` of this terminal: a repeat returns the first one.

    `actor` is a person who does it for the terminal.

    Raises as `reverse_purchase`, but for the day; Conflict (number used for another refund).
    """
    tap, card = _found(terminal, purchase)
    today = assign_business_date()
    if (first := PurchaseReturn.objects.filter(terminal=terminal, number=number).first()) is not None:
        if (first.tap_date, first.tap_id, first.amount_fen) != (tap.business_date, tap.id, amount_fen):
            raise Conflict(what=f"refund {number}")
        return first
    _demand_paid(tap)
    rule = return_rule(terminal.merchant.channel, shanghai(tap.occurred_at).date())
    age = shanghai(now or timezone.now()).date() - shanghai(tap.occurred_at).date()
    if not rule.refund_days or age.days > rule.refund_days:
        raise ReturnNotAllowed
    return _return(terminal, tap, card, number, amount_fen, today, occurred_at, actor)


@transaction.atomic
def refund_at_counter(
    *, purchase: Named, amount_fen: int, form: int, actor: str, reason: str, occurred_at: datetime
) -> PurchaseReturn:
    """A clerk gives a purchase back for the merchant, by its receipt and the merchant's rule; once per number of the `form`.

    Audited with the reason. Raises InvalidField (no positive amount), and as `refund_purchase`.
    """
    if amount_fen <= 0:
        raise InvalidField("amount_fen", _("a positive amount"))
    terminal = Terminal.objects.select_related("merchant").filter(terminal_no=purchase.terminal_no).first()
    if terminal is None:
        raise PurchaseUnknown
    number = -form  # a terminal numbers its own refunds from 0 up
    is_repeat = PurchaseReturn.objects.filter(terminal=terminal, number=number).exists()
    given = refund_purchase(
        terminal=terminal,
        purchase=purchase,
        number=number,
        amount_fen=amount_fen,
        occurred_at=occurred_at,
        actor=actor,
    )
    if not is_repeat:
        detail = {"reason": reason, "amount_fen": amount_fen, "order": given.order.number, "form": form}
        what = f"purchase:{purchase.terminal_no}-{purchase.terminal_seq}"
        record_audit(actor=actor, action="purchase.refund", subject=what, detail=detail)
    return given


def _found(terminal: Terminal, purchase: Named) -> tuple[Tap, Card]:
    """The tap, and its card under lock."""
    card = Card.objects.filter(pan=purchase.card_no).first()
    maker = Terminal.objects.filter(terminal_no=purchase.terminal_no).first()
    tap = None
    if card is not None and maker is not None:
        made = Tap.objects.filter(card_id=card.pk, terminal_id=maker.pk, terminal_seq=purchase.terminal_seq)
        tap = made.exclude(outcome=Outcome.KEY_UNUSABLE).first()
    if card is None or tap is None:
        raise PurchaseUnknown
    if tap.merchant_id != terminal.merchant_id:
        raise PurchaseNotYours
    return tap, locks.lock_card(card.pk)


def _demand_paid(tap: Tap) -> None:
    if tap.outcome != Outcome.ACCEPTED or not tap.amount_fen:
        raise PurchaseNotPaid


def _returns(tap: Tap) -> QuerySet[PurchaseReturn]:
    return PurchaseReturn.objects.filter(tap_date=tap.business_date, tap_id=tap.id)


def _return(
    terminal: Terminal,
    tap: Tap,
    card: Card,
    number: int | None,
    amount_fen: int,
    today: date,
    occurred_at: datetime,
    actor: str = "",
) -> PurchaseReturn:
    if _returns(tap).filter(number=None).exists():
        raise AlreadyReversed
    left_fen = tap.amount_fen - given_back_fen(tap) - disputed_fen(DisputedCharge.What.PURCHASE, tap.id)
    if amount_fen > left_fen:
        raise PurchaseOverRefunded(left_fen=left_fen)
    what = f"{tap.business_date:%Y%m%d}{tap.id}"
    order = give_back(
        card=card,
        merchant_code=terminal.merchant.code,
        amount_fen=amount_fen,
        key=f"return:{what}:{terminal.pk}:{'' if number is None else number}",
        number=f"RF{shanghai(occurred_at):%Y%m%d}{secrets.token_hex(6).upper()}",
        actor=actor or f"terminal {terminal.code}",
        occurred_at=occurred_at,
    )
    return PurchaseReturn.objects.create(
        tap_date=tap.business_date,
        tap_id=tap.id,
        terminal=terminal,
        number=number,
        amount_fen=amount_fen,
        order=order,
        business_date=today,
        occurred_at=occurred_at,
    )
