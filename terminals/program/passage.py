"""Rides and stays with a beginning and an end: the card itself carries the beginning, in a trip record (EF1E, JT/T 978).

A beginning is a compound purchase over nothing that writes "in", an end one over the fare that writes "out", so purse and
trip always change together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from terminals.card.crypto import CHINA
from terminals.card.files import TripRecord
from terminals.fares.charge import Charge
from terminals.fares.kinds import TimeFare
from terminals.fares.rides import Ride
from terminals.program.channels import ChannelRule
from terminals.program.chiptrips import Scribe
from terminals.program.dues import Due
from terminals.program.history import TripKind, moment
from terminals.program.post import Ask, Post, Role
from terminals.program.purchase import Card
from terminals.program.quotes import NOW, OPEN, Journey, Quotes, industry_of
from terminals.program.result import Refused
from terminals.program.stops import stop_name, stop_on_card
from terminals.wire.trip import Trip

ENTERED_CAR_PARK: Final = "入场"
UNKNOWN: Final = "?"
SAME_ENTRY: Final = timedelta(minutes=20)
"""Whoever enters at the same stop again so soon did not get through, or came back out: it is still the same beginning."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One pass of a card. `rule` is the tariff's, of a kind with two ends."""

    post: Post
    channel: ChannelRule
    rule: Journey
    quotes: Quotes
    scribe: Scribe
    when: datetime

    def due(self, card: Card, ask: Ask) -> Due:
        """What this pass is. Raises FareError without a fare; Refused `no_entry`, `one_holder`, `cover`."""
        if ask.again:
            raise Refused("one_holder")
        entry = self.quotes.history.open_entry(industry_of(self.rule, self.channel))
        if self.post.role == Role.ENTRY or (self.post.role == Role.BOTH and not entry and not ask.lost):
            return self._enter(card, entry)
        return self._leave(entry, ask)

    def _enter(self, card: Card, unfinished: TripRecord | None) -> Due:
        if self.channel.cover and card.funds_fen() < self.rule.max_fen:
            raise Refused("cover", fare_fen=self.rule.max_fen)
        stop = self.post.stop
        place = ENTERED_CAR_PARK if isinstance(self.rule, TimeFare) else stop_name(self.rule, stop)
        owed = self._owed(unfinished) if unfinished else None
        return Due(
            "incomplete" if owed and owed.amount_fen else "entry",
            owed,
            place,
            str(Trip("in", stop, line=self.post.line)),
            self.scribe.trip(TripKind.IN, 0, held_fen=self.rule.max_fen),
        )

    def _owed(self, unfinished: TripRecord) -> Charge | None:
        """The charge of the ride before, which never ended: completed by this entry where the rules allow, else held.

        None where there is nothing to charge: the entry is of a stop this tariff does not know, or it is still the same.
        """
        stop, begun = self._stop(unfinished), moment(unfinished)
        if not stop or (stop == self.post.stop and abs(self.when - begun) <= SAME_ENTRY):
            return None
        if begun > self.when:
            return None
        here = Ride(NOW, self._tariff, self.when, self.post.line, entry=self.post.stop)
        return self.quotes.charge(Ride(OPEN, self._tariff, begun, self.post.line, entry=stop), [here])

    def _leave(self, entry: TripRecord | None, ask: Ask) -> Due:
        if isinstance(self.rule, TimeFare):
            return self._end_stay(entry, ask)
        here = stop_name(self.rule, self.post.stop)
        boarded = self._stop(entry) if entry else ""
        begun = moment(entry) if entry and boarded else None
        ride = Ride(
            NOW,
            self._tariff,
            begun or self.when,
            self.post.line,
            self.when,
            entry=boarded,
            leaving=self.post.stop,
        )
        charge = self.quotes.charge(ride)
        known = boarded or (charge.inputs.completion.stop if charge.inputs.completion else "")
        place = f"{stop_name(self.rule, known) if known else UNKNOWN}→{here}"
        return self._out(charge, place, boarded, begun, "accepted" if known else "max_fare")

    def _end_stay(self, entry: TripRecord | None, ask: Ask) -> Due:
        if entry is None and not ask.lost:
            raise Refused("no_entry")
        leaving = self.when.astimezone(CHINA)
        if entry is None:
            charge = self.quotes.charge(Ride(NOW, self._tariff, self.when, self.post.line))
            return self._out(charge, f"?→{leaving:%m-%d %H:%M}", "", None, "lost_entry")
        begun = moment(entry)
        charge = self.quotes.charge(Ride(NOW, self._tariff, begun, self.post.line, self.when))
        place = f"{begun:%m-%d %H:%M}→{leaving:%m-%d %H:%M}"
        return self._out(charge, place, self._stop(entry), begun, "accepted")

    def _out(self, charge: Charge, place: str, entry: str, begun: datetime | None, reason: str) -> Due:
        trip = Trip("out", self.post.stop, entry, begun if entry else None, line=self.post.line)
        return Due(reason, charge, place, str(trip), self.scribe.trip(TripKind.OUT, charge.amount_fen))

    def _stop(self, trip: TripRecord) -> str:
        return stop_on_card(self.rule, trip, self.scribe.marks)

    @property
    def _tariff(self) -> str:
        return self.quotes.document.id
