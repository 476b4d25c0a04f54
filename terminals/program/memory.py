"""What a terminal remembers: the journal together with the state it tells.

However long the centre is away, the memory in use stays small: finished purchases stand in the journal's segments, and only
the place where the next batch begins is kept. A segment is removed when the centre has judged all that stands in it, and some
days later.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

from terminals.card.crypto import CHINA
from terminals.program.batches import Stretch
from terminals.program.errors import JournalError
from terminals.program.journal import SEGMENT_BYTES, Journal, Position
from terminals.program.state import State
from terminals.wire.grey import GreyRecord
from terminals.wire.record import TapRecord
from terminals.wire.rides import RideRecord

SKIPPED_MAX: Final = 500
TOLD_MAX: Final = 200
FOR_OUTCOME: Final = 1
"""Room every entry leaves behind it: for the outcome of a purchase under way."""
FOR_OTHERS: Final = 4
"""Room a new purchase leaves: when the disk is full, what waits can still be sent and noted as sent, which makes room."""
RIDES_MAX: Final = 4_000
"""Rides by code that may wait for the centre: each checkpoint holds them."""
KEEP: Final = timedelta(days=30)
"""How long judged segments stay on the disk, and how long a card that left in mid-purchase is waited for."""


class Memory:
    """The journal with its meaning. Not for two threads at once: the terminal's lock stands before it."""

    def __init__(self, journal: Journal) -> None:
        """Read back what the journal's newest segment holds."""
        self._journal = journal
        self.state = State()
        for entry in journal.newest():
            self.state.take(entry)

    @classmethod
    def open(cls, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> Self:
        """The memory kept in a folder. Raises JournalError; OSError when the disk is full."""
        return cls(Journal(folder / "journal", segment_bytes=segment_bytes))

    def close(self) -> None:
        """Let the journal go."""
        self._journal.close()

    def intend(self, record: TapRecord) -> None:
        """Before the debit: from now on this purchase is never forgotten. The record has no TAC yet.

        OSError when the disk is full: then the card must not be debited. After this there is room for the outcome.
        """
        self._write("intent", behind=FOR_OTHERS, record=record.to_dict())

    def finish(self, record: TapRecord) -> None:
        """The debit is proven by its TAC; the record waits for upload."""
        self._write("tap", behind=0, record=record.to_dict())

    def drop(self, terminal_seq: int) -> None:
        """The chip was not debited. If the centre was told of a grey record, it is told of this too."""
        if terminal_seq in self.state.suspects:
            self.mark_grey(GreyRecord(self.state.unfinished[terminal_seq], "not_paid"))
        else:
            self._write("void", behind=0, terminal_seq=terminal_seq)

    def mark_grey(self, grey: GreyRecord) -> None:
        """A purchase without proof is to be reported. One of cause `no_answer` may still be proven by its card."""
        self._write("grey", behind=0, record=grey.to_dict())

    def mark_missing(self, since: datetime) -> None:
        """Purchases left open before `since` become grey: their cards did not come back."""
        for terminal_seq, record in list(self.state.unfinished.items()):
            if record.occurred_at < since and terminal_seq not in self.state.suspects:
                self.mark_grey(GreyRecord(record, "no_answer"))

    def begin_batch(self, when: datetime, limit: int) -> str | None:
        """Choose the next purchases, at most `limit`, before anything is sent: every repeat is the same batch.

        None when nothing waits. A batch already begun is not touched.
        """
        if not self.state.waiting:
            return None
        chosen: list[TapRecord] = []
        skip: set[int] = set()
        start = end = before = self.state.cursor
        for position, entry in self._journal.read(self.state.cursor, self._journal.end):
            if entry.get("kind") == "tap":
                record = TapRecord.from_dict(entry["record"])
                if record.terminal_seq not in self.state.reported:
                    start, end = (start, position) if chosen else (before, position)
                    chosen.append(record)
                elif chosen:
                    skip.add(record.terminal_seq)
            if len(chosen) == min(limit, self.state.waiting) or len(skip) == SKIPPED_MAX:
                break
            before = position
        done = len(chosen) == self.state.waiting
        first, last = chosen[0].terminal_seq, chosen[-1].terminal_seq
        number = f"{when.astimezone(CHINA):%Y%m%d}-{first}-{last}"
        self._write(
            "batch",
            batch_no=number,
            **Stretch(start, end, frozenset(skip), len(chosen)).to_dict(),
            cursor=list(self._journal.end if done else end),
        )
        return number

    def batch_records(self, batch_no: str) -> list[TapRecord]:
        """The purchases of a batch begun, the same at every call."""
        stretch = self.state.batches[batch_no]
        taps = (
            TapRecord.from_dict(entry["record"])
            for _, entry in self._journal.read(stretch.start, stretch.end)
            if entry.get("kind") == "tap"
        )
        return [record for record in taps if record.terminal_seq not in stretch.skip]

    def mark_sent(self, batch_no: str) -> None:
        """The centre has judged the batch."""
        self._write("sent", batch_no=batch_no)

    def mark_reported(self, record: TapRecord) -> None:
        """The centre has judged this purchase by itself."""
        self._write("reported", record=record.to_dict())

    def keep_ride(self, ride: RideRecord) -> None:
        """A ride code is used up by this ride: before anybody is let through. OSError when there is no room for it."""
        if len(self.state.rides) >= RIDES_MAX:
            raise OSError("too many rides wait to be told")
        self._write("ride", behind=FOR_OTHERS, record=ride.to_dict())

    def mark_rides_told(self, codes: Iterable[str]) -> None:
        """The centre has judged these rides."""
        self._write("rides_told", codes=list(codes))

    def mark_told(self, greys: Iterable[GreyRecord]) -> None:
        """The centre has these grey records, at most `TOLD_MAX`."""
        self._write("told", greys=[[grey.record.terminal_seq, grey.cause] for grey in greys])

    def belong_to(self, terminal_no: str, when: datetime) -> None:
        """The journal is this SAM's. JournalError when it is another's and holds purchases the centre does not have.

        What was sent is the centre's; so a workshop may put another SAM into a device that has nothing left to tell.
        """
        standing = self.state.standing
        if standing.terminal_no == terminal_no:
            return
        if standing.terminal_no:
            if self.state.unsent or self.state.unfinished or self.state.greys:
                raise JournalError(
                    f"the journal holds purchases of terminal {standing.terminal_no}, and the SAM is that of {terminal_no}: "
                    "put the old SAM back and upload first"
                )
            self.tell("sam", when, detail=f"{standing.terminal_no} → {terminal_no}")
        self._write("sam", terminal_no=terminal_no)

    def tell(self, event: str, when: datetime, **more: Any) -> None:
        """Something the centre has to know; `more` as its interface has it: `times`, `card_no`, `detail`."""
        self._write("event", event=event, at=when.isoformat(), more=more)

    def mark_events_told(self, numbers: Iterable[int]) -> None:
        """The centre has these events."""
        self._write("events_told", numbers=list(numbers))

    def settle(self, now: datetime) -> list[dict[str, Any]]:
        """Close the window of a day that is over; all totals that the centre does not have yet."""
        totals = self.state.totals
        if totals.current and totals.current.day < now.astimezone(CHINA).date():
            self._write("settled", at=now.isoformat())
        return list(self.state.totals.closed.values())

    def mark_total_told(self, from_seq: int) -> None:
        """The centre has judged the total that begins there."""
        self._write("total_told", from_seq=from_seq)

    def go_out(self, when: datetime, detail: str) -> None:
        """Out of service from now on. The same again changes nothing."""
        if self.state.standing.outage is None:
            self._write("out", at=when.isoformat(), detail=detail)

    def ride_free(self) -> None:
        """Somebody was let through while out of service."""
        self._write("free", behind=0)

    def go_in(self, when: datetime) -> None:
        """In service again."""
        if self.state.standing.outage is not None:
            self._write("in", at=when.isoformat())

    def suspend(self, suspended: bool) -> None:
        """What the centre orders."""
        if self.state.standing.suspended is not suspended:
            self._write("ordered", suspended=suspended)

    def ask_refund(self, sale: str, when: datetime) -> tuple[int, datetime]:
        """The number and time under which the centre is asked for this refund; the same until it has answered."""
        if sale not in self.state.standing.asking:
            self._write("asked", sale=sale, at=when.isoformat(timespec="seconds"))
        asked = self.state.standing.asking[sale]
        return asked["number"], datetime.fromisoformat(asked["at"])

    def end_refund(self, sale: str) -> None:
        """The centre has answered."""
        self._write("answered", sale=sale)

    def find(self, terminal_seq: int) -> TapRecord | None:
        """A finished purchase that is still on the disk, the newest segments first."""
        for number in reversed(self._journal.segments()):
            last = number == self._journal.end.segment
            end = self._journal.end if last else Position(number, self._journal.size_of(number))
            for _, entry in self._journal.read(Position(number, 0), end):
                if entry["kind"] == "tap" and entry["record"]["terminal_seq"] == terminal_seq:
                    return TapRecord.from_dict(entry["record"])
        return None

    def unfinished_of(self, card_no: str) -> TapRecord | None:
        """The newest purchase of a card whose end is unknown."""
        unfinished = reversed(self.state.unfinished.values())
        return next((record for record in unfinished if record.card_no == card_no), None)

    def tapped_near(self, card_no: str, when: datetime, guard: timedelta) -> TapRecord | None:
        """The card's last tap here, when it lies within `guard` (some minutes at most) of a moment, before or after.

        After: the clock was put back. A tap of a wrong future must not let the card through until then.
        """
        last = self.state.recent.get(card_no)
        return last if last and abs(when - last.occurred_at) <= guard else None

    def spent(self, card_no: str, day: date) -> tuple[int, int]:
        """Count and sum in fen of what a card paid here on a day without the centre's word on it."""
        return self.state.spending.of(card_no, day)

    def rode_free(self, card_no: str, day: date) -> int:
        """How often a card was let through here on a day without paying: on a pass, or by another right."""
        return self.state.spending.rides_of(card_no, day)

    def tidy(self, now: datetime, keep: timedelta = KEEP) -> None:
        """Remove segments that are judged and old, and stop waiting for cards that never came back."""
        ended = self.state.closed
        self._remove([number for number in self._judged() if number in ended and ended[number] < now - keep])
        gone = [
            terminal_seq
            for terminal_seq in self.state.suspects - self.state.greys.keys()
            if self.state.unfinished[terminal_seq].occurred_at < now - keep
        ]
        removed = self.state.closed.keys() - set(self._journal.segments())
        if removed or gone:
            self._write("forget", segments=sorted(removed)[:SKIPPED_MAX], terminal_seqs=gone[:SKIPPED_MAX])

    def _write(self, kind: str, *, behind: int = FOR_OUTCOME, **values: Any) -> None:
        entry = {"kind": kind, **values}
        if not self._journal.has_room(behind):
            self._begin_segment()
        self._journal.append(entry)
        self.state.take(entry)

    def _begin_segment(self) -> None:
        following = self.state.following(self._journal.end.segment)
        checkpoint = following.to_checkpoint()
        try:
            self._journal.begin_segment(checkpoint)
        except OSError:
            # A full disk: what the centre has judged need not be kept for its days.
            if not self._remove(self._judged()):
                raise
            self._journal.begin_segment(checkpoint)
        self.state = following

    def _judged(self) -> list[int]:
        """Segments with nothing in them the centre does not know, but for the newest."""
        needed = min([self.state.cursor, *(stretch.start for stretch in self.state.batches.values())])
        limit = min(needed.segment, self._journal.end.segment)
        return [number for number in self._journal.segments() if number < limit]

    def _remove(self, numbers: list[int]) -> bool:
        for number in numbers:
            self._journal.remove(number)
        return bool(numbers)
