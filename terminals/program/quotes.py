"""What a ride costs this card here and now: `terminals.fares` over what the terminal, the card and the centre say.

No price is worked out here. Caps over days and weeks are left to the centre, which repairs them: no card carries what was
charged before (a cap is asked only whether this one ride exceeds it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Self

from terminals.card.crypto import CHINA
from terminals.fares.book import Book
from terminals.fares.charge import Charge, Inputs
from terminals.fares.documents import Document
from terminals.fares.errors import FareError
from terminals.fares.holder import ANONYMOUS, Holder
from terminals.fares.journeys import PairFare, SectionFare
from terminals.fares.kinds import TimeFare
from terminals.fares.period import previous_of
from terminals.fares.pricing import price_ride
from terminals.fares.rides import Ride
from terminals.fares.tariffs import TariffRule
from terminals.fares.trips import completions
from terminals.program.channels import ChannelRule
from terminals.program.history import History
from terminals.program.holders import card_kind, holder_of
from terminals.program.orders import Orders
from terminals.program.post import Post
from terminals.program.purchase import Card
from terminals.program.result import Refused

NOW: Final = "now"
"""The ride at hand; an earlier one that is still open is `open`."""
OPEN: Final = "open"
_METRO, _PARKING = 0x01, 0x07
Journey = PairFare | SectionFare | TimeFare


@dataclass(frozen=True, slots=True)
class Quotes:
    """Everything a price of this tap may depend on."""

    document: Document
    rule: TariffRule
    book: Book
    holder: Holder = ANONYMOUS
    history: History = field(default_factory=History)
    before: tuple[Ride, ...] = ()

    @classmethod
    def without_card(cls, post: Post, channel: ChannelRule, orders: Orders, when: datetime) -> Self:
        """For a price that is shown before a card comes. Raises FareError when no tariff holds or it does not fit here."""
        document, rule = orders.own_tariff(post.tariff, _local(when).date())
        if not isinstance(rule, channel.kinds):
            raise FareError(f"tariff {document.id} is of no kind that belongs to channel {channel.channel}")
        return cls(document, rule, orders.book)

    @classmethod
    def read(cls, card: Card, post: Post, channel: ChannelRule, orders: Orders, when: datetime) -> Self:
        """Ask the card what it has to tell. Raises FareError, and Refused `real_name_only`."""
        bare = cls.without_card(post, channel, orders, when)
        marks = orders.marks.with_line(post.line_no, post.line, bare.document.id)
        kind = card_kind(card) if channel.real_name or marks.categories else None
        if channel.real_name and kind not in marks.real_name:
            raise Refused("real_name_only")
        window = _transfer_window(orders.book, bare.document.id, when)
        industry = industry_of(bare.rule, channel) if isinstance(bare.rule, Journey) else None
        history = History.read(card, when, window, industry) if window or industry else History()
        before = tuple(history.rides(marks, orders.book, when))
        holder = holder_of(card, kind, orders.marks, orders.passes.of(card.number))
        return cls(bare.document, bare.rule, orders.book, holder, history, before)

    def charge(self, ride: Ride, later: Sequence[Ride] = ()) -> Charge:
        """The charge of a ride of this card. Raises FareError when it has none."""
        before = [item for item in self.before if item.last <= ride.start]
        inputs = Inputs(
            ride=ride,
            standing=self.holder.on(ride.day),
            previous=previous_of(ride, before, self.book),
            completion=completions([*before, ride, *later], (), self.book).get(ride.id),
        )
        return price_ride(inputs, self.book)


def industry_of(rule: TariffRule, channel: ChannelRule) -> int:
    """The industry byte of the trips a journey writes."""
    if channel.industry is not None:
        return channel.industry
    return _PARKING if isinstance(rule, TimeFare) else _METRO


def _transfer_window(book: Book, tariff: str, when: datetime) -> timedelta:
    """How far before this ride another one may lie to matter."""
    reaching = (rule.within for _, rule in book.transfers(_local(when).date()) if tariff in rule.to_tariffs)
    return max(reaching, default=timedelta(0))


def _local(when: datetime) -> datetime:
    return when.astimezone(CHINA)
