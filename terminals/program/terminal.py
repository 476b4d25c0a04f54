"""A terminal: card reader, SAM, journal, fares, hot list, and the line to the centre, which may be down for days."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from terminals.card.crypto import CHINA
from terminals.card.errors import CardError, TransportError
from terminals.card.sam import SamSession
from terminals.card.transport import Transport
from terminals.fares.errors import FareError
from terminals.program.channels import ChannelRule
from terminals.program.client import CentreClient
from terminals.program.clock import Drift
from terminals.program.code_rides import CodeRides
from terminals.program.dues import Due
from terminals.program.errands import Errands
from terminals.program.errors import CentreRefused, CentreUnavailable, JournalError
from terminals.program.fares import due, due_by_code, metered_due
from terminals.program.memory import Memory
from terminals.program.orders import NO_ORDERS, Orders
from terminals.program.post import Ask, Meter, Post
from terminals.program.purchase import Card, Checkout, Unfinished
from terminals.program.reading import read_card
from terminals.program.result import NOT_EXPLAINED, Explained, Refused, TapResult
from terminals.program.retap import card_remembers
from terminals.program.reversal import Reversals
from terminals.program.upload import Uploader
from terminals.wire.reasons import REASONS
from terminals.wire.record import TapRecord
from terminals.wire.ride_code import RideCodeError

__all__ = ["Orders", "Terminal"]

INSIST: Final = timedelta(seconds=10)
"""So long after an unfinished purchase no other card is served."""
ANYWHERE: Final = Post()


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
        post: Post = ANYWHERE,
    ) -> None:
        """Open the SAM. JournalError when the journal holds purchases of another one; CardError when it does not open."""
        session = SamSession(sam)
        identity = session.open()
        self.terminal_no = identity.terminal_no
        self.sam_key_index = identity.management.key_index
        memory.belong_to(self.terminal_no.hex().upper(), datetime.now(UTC))
        self.memory = memory
        self.orders = orders
        self.post = post
        self._checkout = Checkout(session, self.terminal_no, memory)
        self._client = client
        self.lock = threading.RLock()
        self.uploader = Uploader(memory, client, self.lock) if client else None
        self.drift: Drift | None = None
        self.code_rides = CodeRides(memory, client, self.lock)
        self._insisting: tuple[str, datetime] | None = None
        self._meter: Meter | None = None
        self._online = online

    @property
    def channel(self) -> ChannelRule:
        """What may be done here."""
        return self.orders.channel(self.post.channel)

    def tap(
        self,
        card: Transport,
        *,
        when: datetime,
        amount_fen: int | None = None,
        again: bool = False,
        lost: bool = False,
    ) -> TapResult:
        """A card is held to the terminal at `when` (aware). The rest is what whoever works it has said, as in `Ask`.

        Never raises for what a card or line can do; the result says it.
        """
        with self.lock:
            result = self._tap(card, when, Ask(amount_fen, again, lost, self._meter))
        return replace(result, clock=self.drift.state) if self.drift else result

    def quote(self, meter: Meter, *, when: datetime) -> TapResult:
        """The driver ends a metered ride: the full fare is shown, and the next card pays for this ride, once.

        A discount of the card's can only make it less.
        """
        with self.lock:
            try:
                owed = metered_due(self.post, self.channel, self.orders, meter, when)
            except FareError:
                self._meter = None
                return TapResult(False, REASONS["no_fare"])
            self._meter = meter
        return TapResult(True, REASONS["present_card"], fare_fen=owed.fare_fen, explained=owed.explained)

    def ride(self, code: str, *, when: datetime, amount_fen: int | None = None) -> TapResult:
        """A ride code (乘车码) is scanned: kept in the journal before anybody is let through. Never raises."""
        with self.lock:
            if shut := self._shut():
                return shut
            try:
                result = self._ride(code, when, Ask(amount_fen, meter=self._meter))
            except (Refused, FareError, RideCodeError, OSError) as error:
                result = self._refused(None, error, when)
        return replace(result, clock=self.drift.state) if self.drift else result

    def balance(self, card: Transport, *, when: datetime, pin: str = "") -> TapResult:
        """What is on the card; with its PIN and a line, also what waits for it. Nothing is changed. Never raises."""
        return self._errand(card, when, lambda read: self._errands().balance(read, pin))

    def load(self, card: Transport, *, when: datetime, pin: str) -> TapResult:
        """Top-ups that wait go onto the card. Never raises; what was torn is settled by the next time."""
        return self._errand(card, when, lambda read: self._errands().load(read, pin))

    def cancel(self, terminal_seq: int, *, when: datetime) -> TapResult:
        """Take a sale of the day back, as far as the channel allows."""
        return self._reversals().cancel(terminal_seq, when)

    def refund(self, terminal_seq: int, amount_fen: int, *, when: datetime) -> TapResult:
        """Give a sale back, or a part of it, as far as the channel allows."""
        return self._reversals().refund(terminal_seq, amount_fen, when)

    def use_sam(self, sam: Transport) -> None:
        """Go on with the SAM connected anew. JournalError when it is another one; CardError when it does not open."""
        session = SamSession(sam)
        terminal_no = session.open().terminal_no
        with self.lock:
            self.memory.belong_to(terminal_no.hex().upper(), datetime.now(UTC))
            self.terminal_no = terminal_no
            self._checkout = Checkout(session, terminal_no, self.memory)

    def _reversals(self) -> Reversals:
        return Reversals(self.memory, self.channel, self._client, self.uploader, self.lock)

    def upload(self, *, when: datetime) -> list[dict[str, Any]]:
        """Send everything the centre does not have; its answers. A batch broken off before is sent again as it was.

        Raises CentreUnavailable (the rest waits), and CentreRefused once everything else is sent; a refused batch stays.
        """
        if self.uploader is None:
            raise CentreUnavailable("this terminal has no line to the centre")
        answers = self.uploader.drain(when)
        while self.code_rides.tell():
            pass
        return answers

    def _errands(self) -> Errands:
        return Errands(self._client, self.terminal_no.hex().upper())

    def _errand(self, card: Transport, when: datetime, run: Callable[[Card], TapResult]) -> TapResult:
        with self.lock:
            seen: list[Card] = []
            try:
                seen.append(read_card(card, when))
                return run(seen[0])
            except (Refused, CardError, OSError) as error:
                return self._refused(seen[0] if seen else None, error, when)

    def _ride(self, code: str, when: datetime, ask: Ask) -> TapResult:
        owed = due_by_code(self.post, self.channel, self.orders, ask, when)
        single_fen = self.channel.bounds(self.orders.limits).single_fen
        if single_fen is not None and owed.fare_fen > single_fen:
            raise Refused("over_single", fare_fen=owed.fare_fen)
        if not self.channel.offline:
            self._require_line(owed.fare_fen)
        result = self.code_rides.accept(code, owed, self.orders, when)
        self._meter = None
        return result

    def _tap(self, card: Transport, when: datetime, ask: Ask) -> TapResult:
        if shut := self._shut():
            return shut
        seen: list[Card] = []
        try:
            seen.append(read_card(card, when))
            return self._serve(seen[0], when, ask)
        except Unfinished as open_end:
            intent = open_end.record
            self._insisting = (intent.card_no, when + INSIST)
            before = intent.balance_fen + intent.amount_fen
            return TapResult(
                False, REASONS["unfinished"], intent.card_no, intent.amount_fen, balance_before_fen=before
            )
        except (Refused, FareError, CardError, OSError) as error:
            return self._refused(seen[0] if seen else None, error, when)

    def _shut(self) -> TapResult | None:
        """Out of service nobody pays: people are let through where that is the rule, else nothing is sold."""
        standing = self.memory.state.standing
        if standing.suspended:
            return TapResult(False, REASONS["suspended"])
        if standing.outage is None:
            return None
        if not self.channel.free_when_out:
            return TapResult(False, REASONS["out_of_service"])
        with contextlib.suppress(OSError, JournalError):  # the disk may be what is broken
            self.memory.ride_free()
        return TapResult(True, REASONS["free_ride"], fare_fen=0)

    def _refused(self, card: Card | None, error: Exception, when: datetime) -> TapResult:
        """Nothing was charged. The balance is shown all the same, while the card can still be read."""
        explained = NOT_EXPLAINED
        if isinstance(error, Refused):
            reason, fare_fen, balance_fen = error.reason, error.fare_fen, error.balance_fen
            explained = error.explained
        else:
            reason, fare_fen, balance_fen = REASONS[_reason_code(error)], None, None
        if card is not None and balance_fen is None:
            with contextlib.suppress(CardError):
                balance_fen = card.funds_fen()
        number = card.number if card else ""
        if reason.code == "false_card":
            with contextlib.suppress(OSError, JournalError):
                self.memory.tell("mac2_error", when, card_no=number)
        return TapResult(
            False, reason, number, fare_fen, balance_fen, balance_before_fen=balance_fen, explained=explained
        )

    def _serve(self, card: Card, when: datetime, ask: Ask) -> TapResult:
        self._insist(card, when)
        if recovered := self._checkout.settle_unfinished(card):
            return self._paid(recovered, "recovered")
        listed = self.orders.hot_list.get(card.number)
        if listed and listed <= when:
            raise Refused("listed")
        if not ask.again and (retap := self._retapped(card, when)):
            return retap
        orders = self.orders.with_marks(self.post.marks)
        if not orders.book.documents:
            raise Refused("no_tariff")
        orders = orders.after_rides(self.memory.rode_free(card.number, when.astimezone(CHINA).date()))
        owed = due(card, self.terminal_no, self.post, self.channel, orders, ask, when)
        try:
            record = self._pay(card, owed, when)
        except Refused as refused:
            refused.explained = owed.explained
            raise
        self._meter = None
        return self._paid(record, owed.reason, owed.explained)

    def _retapped(self, card: Card, when: datetime) -> TapResult | None:
        """The card was here a moment ago: by what the journal tells, or else by what the card tells of this terminal."""
        guard = timedelta(seconds=self.channel.guard_s)
        if last := self.memory.tapped_near(card.number, when, guard):
            left = card.funds_fen()
            return TapResult(True, REASONS["retap"], card.number, 0, left, last, balance_before_fen=left)
        if not card_remembers(card, self.terminal_no, when, guard):
            return None
        # Anybody can write such a log onto a chip of his own: a purchase over nothing proves that the card is a true one.
        return self._paid(self._checkout.pay(card, amount_fen=0, when=when), "retap")

    def _pay(self, card: Card, owed: Due, when: datetime) -> TapRecord:
        if not self.channel.offline:
            self._require_line(owed.fare_fen)
        return self._checkout.pay(
            card,
            amount_fen=owed.fare_fen,
            when=when,
            place=owed.place,
            trip=owed.trip,
            make_trip=owed.make_trip,
            limits=self.channel.bounds(self.orders.limits),
        )

    def _require_line(self, fare_fen: int) -> None:
        """Where nothing is sold without the centre, it is asked for a sign before the card is debited. Raises Refused."""
        try:
            if self._client is None:
                raise CentreUnavailable("this terminal has no line to the centre")
            self._client.standing()
        except (CentreUnavailable, CentreRefused) as error:
            raise Refused("line_needed", fare_fen=fare_fen) from error

    def _insist(self, card: Card, when: datetime) -> None:
        """For a moment after a card left in mid-purchase, that card only: its holder is still there. Raises Refused."""
        if self._insisting is None:
            return
        number, until = self._insisting
        if card.number == number or when >= until:
            self._insisting = None
        else:
            raise Refused("other_card")

    def _paid(self, record: TapRecord, reason: str, explained: Explained = NOT_EXPLAINED) -> TapResult:
        left = record.balance_fen
        result = TapResult(
            True,
            REASONS[reason],
            record.card_no,
            record.amount_fen,
            left,
            record,
            balance_before_fen=left + record.amount_fen,
            explained=explained,
        )
        online = (self._online or not self.channel.offline) and self._client
        return self._reported(result, record) if online else result

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


def _reason_code(error: Exception) -> str:
    if isinstance(error, RideCodeError):
        return error.code
    if isinstance(error, FareError):
        return "no_fare"
    if isinstance(error, TransportError):
        return "read_error"
    return "terminal_fault" if isinstance(error, (OSError, JournalError)) else "not_a_card"
