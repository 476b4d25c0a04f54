"""A terminal: card reader, SAM, journal, tariff, hot list, and the line to the centre, which may be down for days."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from terminals.card.apdu import ApduError, ApplicationBlocked
from terminals.card.crypto import CHINA
from terminals.card.errors import CardError, TransportError
from terminals.card.files import PublicInfo
from terminals.card.profile import PROFILES
from terminals.card.purse import PurseSession
from terminals.card.sam import SamSession
from terminals.card.transport import Transport
from terminals.fares.errors import FareError
from terminals.fares.journeys import PairFare
from terminals.fares.kinds import EnteredAmount, FlatFare, TimeFare
from terminals.program.client import CentreClient
from terminals.program.clock import Drift
from terminals.program.errors import CentreRefused, CentreUnavailable, JournalError
from terminals.program.gate import Gate
from terminals.program.memory import Memory
from terminals.program.orders import NO_ORDERS, Orders
from terminals.program.purchase import Card, Checkout, MakeTrip, Unfinished
from terminals.program.result import Refused, TapResult
from terminals.program.upload import Uploader
from terminals.wire.reasons import REASONS
from terminals.wire.record import TapRecord

__all__ = ["Orders", "Terminal"]

GUARD: Final = timedelta(seconds=30)
"""A card held to the terminal again within this time is not charged again, unless the holder says so."""
INSIST: Final = timedelta(seconds=10)
"""So long after an unfinished purchase no other card is served."""


class Terminal:
    """One device. Times are its own clock and come with every tap; online, each purchase is reported as it happens.

    `drift` is what `clock.measure` last found; it comes back with every tap.
    """

    def __init__(
        self,
        *,
        sam: Transport,
        memory: Memory,
        orders: Orders = NO_ORDERS,
        client: CentreClient | None = None,
        online: bool = False,
        role: str = "both",
        station: str = "0",
    ) -> None:
        """Open the SAM. `role` and `station` matter at gates only (see `gate.Gate`)."""
        session = SamSession(sam)
        self.terminal_no = session.open().terminal_no
        self.memory = memory
        self.orders = orders
        self._checkout = Checkout(session, self.terminal_no, memory)
        self._client = client
        self._lock = threading.RLock()
        self.uploader = Uploader(memory, client, self._lock) if client else None
        self.drift: Drift | None = None
        self._insisting: tuple[str, datetime] | None = None
        self._online = online
        self._role = role
        self._station = station

    def tap(
        self, card: Transport, *, when: datetime, amount_fen: int | None = None, again: bool = False
    ) -> TapResult:
        """A card is held to the terminal at `when` (aware). `amount_fen` where the cashier enters it.

        Never raises for what a card or line can do; the result says it. `again` pays for a second person.
        """
        with self._lock:
            result = self._tap(card, when, amount_fen, again)
        return replace(result, clock=self.drift.state) if self.drift else result

    def _tap(self, card: Transport, when: datetime, amount_fen: int | None, again: bool) -> TapResult:
        seen: list[Card] = []
        try:
            seen.append(_read_card(card, when))
            return self._serve(seen[0], when, amount_fen, again)
        except Unfinished as open_end:
            intent = open_end.record
            self._insisting = (intent.card_no, when + INSIST)
            before = intent.balance_fen + intent.amount_fen
            return TapResult(
                False, REASONS["unfinished"], intent.card_no, intent.amount_fen, balance_before_fen=before
            )
        except (Refused, FareError, CardError, OSError) as error:
            return self._refused(seen[0] if seen else None, error)

    def _refused(self, card: Card | None, error: Exception) -> TapResult:
        """Nothing was charged. The balance is shown all the same, while the card can still be read."""
        if isinstance(error, Refused):
            reason, fare_fen, balance_fen = error.reason, error.fare_fen, error.balance_fen
        else:
            reason, fare_fen, balance_fen = REASONS[_reason_code(error)], None, None
        if card is not None and balance_fen is None:
            with contextlib.suppress(CardError):
                balance_fen = card.funds_fen()
        number = card.number if card else ""
        return TapResult(False, reason, number, fare_fen, balance_fen, balance_before_fen=balance_fen)

    def upload(self, *, when: datetime) -> list[dict[str, Any]]:
        """Send everything the centre does not have; its answers. A batch broken off before is sent again as it was.

        Raises CentreUnavailable (the rest waits), and CentreRefused once everything else is sent; a refused batch stays.
        """
        if self.uploader is None:
            raise CentreUnavailable("this terminal has no line to the centre")
        return self.uploader.drain(when)

    def refresh(self) -> None:
        """Fetch tariffs and hot list. Raises CentreUnavailable, CentreRefused, FareError; then the old ones stay."""
        if self._client is None:
            raise CentreUnavailable("this terminal has no line to the centre")
        self.orders = Orders.parse(self._client.parameters(), self._client.hot_list())

    def _serve(self, card: Card, when: datetime, amount_fen: int | None, again: bool) -> TapResult:
        self._insist(card, when)
        if recovered := self._checkout.settle_unfinished(card):
            return self._paid(recovered, "recovered")
        listed = self.orders.hot_list.get(card.number)
        if listed and listed <= when:
            raise Refused("listed")
        if not again and (last := self.memory.tapped_near(card.number, when, GUARD)):
            left = last.balance_fen
            return TapResult(True, REASONS["retap"], card.number, 0, left, last, balance_before_fen=left)
        if not self.orders.tariffs:
            raise Refused("no_tariff")
        rule = self.orders.tariff_on(when.astimezone(CHINA).date())
        if isinstance(rule, FlatFare):
            return self._paid(self._pay(card, rule.fare_fen, when), "accepted")
        if isinstance(rule, EnteredAmount):
            amount = rule.check(amount_fen or 0)
            return self._paid(self._pay(card, amount, when), "accepted")
        if not isinstance(rule, PairFare | TimeFare):
            raise FareError("this terminal cannot work out a fare of that kind")
        gate = Gate(self.terminal_no, rule, self._role, self._station)
        passage = gate.passage(card, when)
        record = self._pay(card, passage.fare_fen, when, place=passage.place, make_trip=passage.make_trip)
        return self._paid(record, passage.reason)

    def _pay(
        self,
        card: Card,
        amount_fen: int,
        when: datetime,
        *,
        place: str = "",
        make_trip: MakeTrip | None = None,
    ) -> TapRecord:
        limits = self.orders.limits
        return self._checkout.pay(
            card, amount_fen=amount_fen, when=when, place=place, make_trip=make_trip, limits=limits
        )

    def _insist(self, card: Card, when: datetime) -> None:
        """For a moment after a card left in mid-purchase, that card only: its holder is still there. Raises Refused."""
        if self._insisting is None:
            return
        number, until = self._insisting
        if card.number == number or when >= until:
            self._insisting = None
        else:
            raise Refused("other_card")

    def _paid(self, record: TapRecord, reason: str) -> TapResult:
        left = record.balance_fen
        result = TapResult(
            True,
            REASONS[reason],
            record.card_no,
            record.amount_fen,
            left,
            record,
            balance_before_fen=left + record.amount_fen,
        )
        return self._reported(result, record) if self._online and self._client else result

    def _reported(self, result: TapResult, record: TapRecord) -> TapResult:
        """With the centre's word on it; without a line the record waits for the next upload."""
        client = self._client
        if client is None:
            return result
        try:
            answer = client.post_tap(record)
        except (CentreUnavailable, CentreRefused):
            return result
        with contextlib.suppress(OSError, JournalError):  # then it goes up once more, in a batch
            self.memory.mark_reported(record)
        good = answer["result"] in ("accepted", "duplicate")
        reason = result.reason if good else REASONS.get(answer["reason"]["code"], result.reason)
        return replace(result, ok=good, reason=reason, centre=answer["result"])


def _read_card(transport: Transport, when: datetime) -> Card:
    """Find the purse and check that the card is valid today. Raises Refused."""
    purse, info = _identified(transport)
    if not info.start <= when.astimezone(CHINA).date() <= info.expiry:
        raise Refused("expired")
    return Card(purse, purse.profile.card_number(info), info)


def _identified(transport: Transport) -> tuple[PurseSession, PublicInfo]:
    """The first purse application of the families known here. Raises ApduError when the chip has none."""
    refusals = []
    for profile in PROFILES:
        purse = PurseSession(transport, profile)
        try:
            return purse, purse.identify()
        except ApplicationBlocked as error:
            raise Refused("blocked") from error
        except ApduError as error:
            refusals.append(error)
    raise refusals[-1]


def _reason_code(error: Exception) -> str:
    if isinstance(error, FareError):
        return "no_fare"
    if isinstance(error, TransportError):
        return "read_error"
    return "terminal_fault" if isinstance(error, (OSError, JournalError)) else "not_a_card"
