"""One tap, priced: which of the ways to charge a tariff asks for, and what of it is due now."""

from __future__ import annotations

from datetime import datetime

from terminals.fares.errors import FareError
from terminals.fares.kinds import EnteredAmount
from terminals.fares.metered import MeteredFare
from terminals.fares.rides import Ride
from terminals.fares.tariffs import TariffRule
from terminals.program.channels import ChannelRule
from terminals.program.chiptrips import Scribe
from terminals.program.dues import Due
from terminals.program.history import TripKind
from terminals.program.orders import Orders
from terminals.program.passage import Passage
from terminals.program.post import Ask, Meter, Post
from terminals.program.purchase import Card
from terminals.program.quotes import NOW, Journey, Quotes, industry_of
from terminals.program.result import Refused
from terminals.wire.trip import Trip


def due(
    card: Card, terminal_no: bytes, post: Post, channel: ChannelRule, orders: Orders, ask: Ask, when: datetime
) -> Due:
    """What this card owes here and now. Raises FareError (no fare), Refused (the card may not be used so)."""
    quotes = Quotes.read(card, post, channel, orders, when)
    if isinstance(quotes.rule, Journey):
        if not card.purse.profile.has_trips:
            raise Refused("card_not_here")
        scribe = Scribe(terminal_no, post, industry_of(quotes.rule, channel), when, orders.marks)
        return Passage(post, channel, quotes.rule, quotes, scribe, when).due(card, ask)
    charge = quotes.charge(_ride(quotes, post, ask, when))
    make_trip = None
    if channel.industry is not None and card.purse.profile.has_trips:
        scribe = Scribe(terminal_no, post, channel.industry, when, orders.marks)
        make_trip = scribe.trip(TripKind.SINGLE, charge.amount_fen)
    place = f"{charge.ride.metres / 1000:.1f} km" if isinstance(quotes.rule, MeteredFare) else ""
    return Due("accepted", charge, place, _told(quotes.rule, charge.ride), make_trip)


def due_by_code(post: Post, channel: ChannelRule, orders: Orders, ask: Ask, when: datetime) -> Due:
    """What a ride by ride code owes: the full fare, for nobody's card is there. Raises FareError, Refused `not_confirmed`.

    A journey is written onto a card from end to end; a code is good for what one scan ends.
    """
    quotes = Quotes.without_card(post, channel, orders, when)
    if isinstance(quotes.rule, Journey):
        raise FareError(f"tariff {quotes.document.id} takes two taps of one card")
    return Due("accepted", quotes.charge(_ride(quotes, post, ask, when)))


def metered_due(post: Post, channel: ChannelRule, orders: Orders, meter: Meter, when: datetime) -> Due:
    """What the display shows at the end of a metered ride, before any card: the full fare. Raises FareError."""
    quotes = Quotes.without_card(post, channel, orders, when)
    if not isinstance(quotes.rule, MeteredFare):
        raise FareError(f"tariff {quotes.document.id} goes by no meter")
    charge = quotes.charge(_ride(quotes, post, Ask(meter=meter), when))
    return Due("accepted", charge, trip=_told(quotes.rule, charge.ride))


def _ride(quotes: Quotes, post: Post, ask: Ask, when: datetime) -> Ride:
    """A ride or sale that one tap ends. Raises Refused `not_confirmed`, FareError."""
    tariff = quotes.document.id
    if isinstance(quotes.rule, MeteredFare):
        if ask.meter is None:
            raise Refused("not_confirmed")
        begun, metres, waiting_s = ask.meter.begun, ask.meter.metres, ask.meter.waiting_s
        return Ride(NOW, tariff, begun, post.line, when, metres=metres, waiting_s=waiting_s)
    if isinstance(quotes.rule, EnteredAmount):
        return Ride(NOW, tariff, when, post.line, amount_fen=quotes.rule.check(ask.amount_fen or 0))
    return Ride(NOW, tariff, when, post.line)


def _told(rule: TariffRule, ride: Ride) -> str:
    """The record's `trip` of a ride that one tap ends."""
    if isinstance(rule, MeteredFare):
        trip = Trip("meter", since=ride.start, metres=ride.metres, waiting_s=ride.waiting_s, line=ride.line)
        return str(trip)
    return str(Trip(line=ride.line))
