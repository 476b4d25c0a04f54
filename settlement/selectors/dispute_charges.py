"""What of a card may be disputed: the charge, whom it paid, and how much of it has not been given back yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db.models import Sum
from django.utils.translation import gettext as _

from accounts.models import Card, Chart, DisputedCharge, Payment, TopUpOrder
from citizencard.core.errors import NotFound
from settlement.errors import NotDisputable
from terminals.models import Merchant, Ride, Tap, Terminal
from terminals.selectors.given_back import given_back_fen

What = DisputedCharge.What
RECENT: Final = 20
Channel = TopUpOrder.Channel
_PAID_IN: Final = (Channel.CASH, Channel.AGENT, Channel.KIOSK, Channel.GATEWAY, Channel.MANDATE)


@dataclass(frozen=True, slots=True)
class Charge:
    """One charge of a card, or a top-up of it. `left_fen` is what was not given back before; `merchant` None for a top-up."""

    what: What
    source_id: int
    occurred_at: datetime
    amount_fen: int
    left_fen: int
    merchant: Merchant | None
    place: str
    tap: Tap | None = None


def charge_of(card: Card, what: str, source_id: int, day: date | None = None) -> Charge:
    """The charge of the card by its number; a purchase is looked for on its business date `day`.

    Raises NotFound for none, or another card's, and NotDisputable with the reason for what is not charged, or not for good.
    """
    if what not in What.values or not 0 < source_id < 2**63:
        raise NotFound(what=what)
    found = _purchase(card, source_id, day) if what == What.PURCHASE else _FIND[What(what)](card, source_id)
    if found is None:
        raise NotFound(what=f"{What(what).label} {source_id}")
    if found.left_fen <= 0:
        raise NotDisputable(reason=_("nothing is left of it: it was given back"))
    return found


def _purchase(card: Card, tap_id: int, day: date | None) -> Charge | None:
    tap = Tap.objects.filter(business_date=day, id=tap_id, card_id=card.pk).first() if day else None
    if tap is None:
        return None
    if tap.outcome != Tap.Outcome.ACCEPTED or not tap.amount_fen:
        raise NotDisputable(reason=_("it is not charged, or held and decided with the held purchases"))
    merchant = Merchant.objects.get(pk=tap.merchant_id)
    place = Terminal.objects.get(pk=tap.terminal_id).place
    return Charge(
        What.PURCHASE,
        tap.id,
        tap.occurred_at,
        tap.amount_fen,
        tap.amount_fen - given_back_fen(tap),
        merchant,
        place,
        tap,
    )


def _payment(card: Card, payment_id: int) -> Charge | None:
    payment = Payment.objects.filter(pk=payment_id, purse__card=card).select_related("payee").first()
    if payment is None:
        return None
    merchant = Merchant.objects.filter(payable=payment.payee_id).first()
    if payment.payee.chart != Chart.MERCHANT_PAYABLE or merchant is None:
        raise NotDisputable(reason=_("a pass is given back as a pass"))
    back_fen: int = payment.refunds.aggregate(fen=Sum("amount_fen"))["fen"] or 0
    left_fen = payment.amount_fen - back_fen
    return Charge(
        What.PAYMENT, payment.pk, payment.occurred_at, payment.amount_fen, left_fen, merchant, payment.place
    )


def _ride(card: Card, ride_id: int) -> Charge | None:
    ride = Ride.objects.filter(pk=ride_id, card=card).select_related("merchant").first()
    if ride is None:
        return None
    if ride.outcome != Ride.PAID or not ride.amount_fen:
        raise NotDisputable(reason=_("it is not charged yet"))
    return Charge(
        What.RIDE, ride.pk, ride.occurred_at, ride.amount_fen, ride.amount_fen, ride.merchant, ride.place
    )


def _top_up(card: Card, order_id: int) -> Charge | None:
    """Only one that the books say has arrived: any other goes on by itself, or is given back."""
    order = TopUpOrder.objects.filter(pk=order_id, card=card, channel__in=_PAID_IN).first()
    if order is None:
        return None
    if order.state != TopUpOrder.State.CONFIRMED:
        raise NotDisputable(reason=_("the top-up is still under way: the next reader settles it"))
    return Charge(
        What.TOP_UP,
        order.pk,
        order.loaded_at or order.occurred_at,
        order.amount_fen,
        order.amount_fen,
        None,
        "",
    )


_FIND: Final[dict[What, Callable[[Card, int], Charge | None]]] = {
    What.PAYMENT: _payment,
    What.RIDE: _ride,
    What.TOP_UP: _top_up,
}


@dataclass(frozen=True, slots=True)
class Recent:
    """A charge or top-up to choose from; `day` is a purchase's business date, `party` whom it paid."""

    what: What
    source_id: int
    day: date | None
    occurred_at: datetime
    amount_fen: int
    party: str


def recent_charges(card: Card, limit: int = RECENT) -> list[Recent]:
    """The card's newest charges and top-ups, newest first; some of each kind. Whether one can be disputed the service says."""
    taps = Tap.objects.filter(card_id=card.pk, outcome=Tap.Outcome.ACCEPTED, amount_fen__gt=0)
    newest = list(taps.order_by("-occurred_at")[:limit])
    names = dict(
        Merchant.objects.filter(pk__in={tap.merchant_id for tap in newest}).values_list("pk", "name")
    )
    payments = Payment.objects.filter(purse__card=card).select_related("payee").order_by("-pk")[:limit]
    rides = (
        Ride.objects.filter(card=card, outcome=Ride.PAID).select_related("merchant").order_by("-pk")[:limit]
    )
    orders = card.topups.filter(state=TopUpOrder.State.CONFIRMED, channel__in=_PAID_IN).order_by("-pk")[
        :limit
    ]
    found = [
        *(
            Recent(
                What.PURCHASE,
                tap.id,
                tap.business_date,
                tap.occurred_at,
                tap.amount_fen,
                names[tap.merchant_id],
            )
            for tap in newest
        ),
        *(
            Recent(What.PAYMENT, each.pk, None, each.occurred_at, each.amount_fen, each.payee.label)
            for each in payments
        ),
        *(
            Recent(What.RIDE, each.pk, None, each.occurred_at, each.amount_fen, each.merchant.name)
            for each in rides
        ),
        *(
            Recent(What.TOP_UP, each.pk, None, each.occurred_at, each.amount_fen, each.get_channel_display())
            for each in orders
        ),
    ]
    return sorted(found, key=lambda charge: charge.occurred_at, reverse=True)
