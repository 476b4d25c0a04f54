"""What the journal's entries mean: a fold over them, whose result fits into a checkpoint.

Entries: `intent` (a purchase is about to be debited), `tap` (it was), `void` (it was not), `grey` (a purchase without proof is
to be reported), `batch` (a stretch of purchases goes up under this number), `sent` (the centre has judged the batch), `reported`
(it judged one purchase by itself), `told` (it has the grey record), `ride` (paid by ride code), `rides_told`, `forget` (an old purchase is no longer waited for); and of
the device itself (`standing`): `sam`, `event`, `events_told`, `out`, `free`, `in`, `ordered` (suspended or not), `asked`
and `answered` (a refund); and of its totals: `settled` (a day's window is closed) and `total_told`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from terminals.program.batches import Stretch
from terminals.program.journal import Entry, Position
from terminals.program.spending import Spending
from terminals.program.standing import Standing
from terminals.program.totals import Totals
from terminals.wire.grey import GreyRecord
from terminals.wire.record import TapRecord
from terminals.wire.rides import RideRecord

RECENT: Final = timedelta(minutes=10)
"""How long a card's last tap is remembered; the re-tap guard is shorter."""
START: Final = Position(1, 0)


@dataclass
class State:
    """`waiting` counts purchases behind `cursor`, where the next batch begins, less the `reported`, which go into none.

    `unfinished` are purchases whose end only the chip knows, by terminal sequence; `greys` wait to be told to the centre.
    `closed` says when each older segment ended, by the terminal's clock, which `newest` has last shown.
    """

    unfinished: dict[int, TapRecord] = field(default_factory=dict)
    greys: dict[int, GreyRecord] = field(default_factory=dict)
    batches: dict[str, Stretch] = field(default_factory=dict)
    cursor: Position = START
    waiting: int = 0
    reported: set[int] = field(default_factory=set)
    spending: Spending = field(default_factory=Spending)
    recent: dict[str, TapRecord] = field(default_factory=dict)
    closed: dict[int, datetime] = field(default_factory=dict)
    newest: datetime | None = None
    suspects: set[int] = field(default_factory=set)
    """Unfinished purchases the centre knows of as grey."""
    standing: Standing = field(default_factory=Standing)
    totals: Totals = field(default_factory=Totals)
    rides: dict[str, RideRecord] = field(default_factory=dict)
    """Rides by ride code that the centre has not been told of, by the code's text."""

    @property
    def unsent(self) -> int:
        """Purchases the centre has not judged yet."""
        return self.waiting + sum(stretch.count for stretch in self.batches.values())

    def take(self, entry: Entry) -> None:
        """One more entry."""
        getattr(self, f"_take_{entry['kind']}")(entry)

    def following(self, ended: int) -> State:
        """The state behind the end of a segment. With nothing waiting, the next batch can only begin after it."""
        closed = {**self.closed, ended: self.newest} if self.newest else self.closed
        if self.waiting:
            return replace(self, closed=closed)
        return replace(self, closed=closed, cursor=Position(ended + 1, 0), reported=set())

    def to_checkpoint(self) -> Entry:
        """Everything, as the first line of a segment."""
        return {
            "kind": "checkpoint",
            "unfinished": [record.to_dict() for record in self.unfinished.values()],
            "greys": [grey.to_dict() for grey in self.greys.values()],
            "batches": {number: stretch.to_dict() for number, stretch in self.batches.items()},
            "cursor": list(self.cursor),
            "waiting": self.waiting,
            "reported": sorted(self.reported),
            "spending": self.spending.to_dict(),
            "recent": [record.to_dict() for record in self.recent.values()],
            "closed": {str(number): when.isoformat() for number, when in self.closed.items()},
            "newest": self.newest.isoformat() if self.newest else None,
            "suspects": sorted(self.suspects),
            "standing": self.standing.to_dict(),
            "totals": self.totals.to_dict(),
            "rides": [ride.to_dict() for ride in self.rides.values()],
        }

    @classmethod
    def from_checkpoint(cls, entry: Entry) -> Self:
        """The state a segment begins with."""
        greys = map(GreyRecord.from_dict, entry["greys"])
        return cls(
            unfinished={record.terminal_seq: record for record in _records(entry["unfinished"])},
            greys={grey.record.terminal_seq: grey for grey in greys},
            batches={number: Stretch.from_dict(content) for number, content in entry["batches"].items()},
            cursor=Position(*entry["cursor"]),
            waiting=entry["waiting"],
            reported=set(entry["reported"]),
            spending=Spending.from_dict(entry["spending"]),
            recent={record.card_no: record for record in _records(entry["recent"])},
            closed={int(number): datetime.fromisoformat(when) for number, when in entry["closed"].items()},
            newest=datetime.fromisoformat(entry["newest"]) if entry["newest"] else None,
            suspects=set(entry["suspects"]),
            standing=Standing.from_dict(entry.get("standing", {})),
            totals=Totals.from_dict(entry.get("totals", {})),
            rides={ride.code: ride for ride in map(RideRecord.from_dict, entry.get("rides", []))},
        )

    def _take_first(self, entry: Entry) -> None:
        """The journal begins; nothing is known yet."""

    def _take_checkpoint(self, entry: Entry) -> None:
        self.__dict__.update(State.from_checkpoint(entry).__dict__)

    def _take_intent(self, entry: Entry) -> None:
        record = TapRecord.from_dict(entry["record"])
        self.unfinished[record.terminal_seq] = record
        self.newest = record.occurred_at

    def _take_tap(self, entry: Entry) -> None:
        record = TapRecord.from_dict(entry["record"])
        self._end(record.terminal_seq)
        self.greys.pop(record.terminal_seq, None)
        self.waiting += 1
        self.spending.add(record)
        self.totals.add(record, self.unfinished)
        self._remember(record)

    def _take_void(self, entry: Entry) -> None:
        self._end(entry["terminal_seq"])

    def _take_grey(self, entry: Entry) -> None:
        grey = GreyRecord.from_dict(entry["record"])
        self.greys[grey.record.terminal_seq] = grey
        if grey.cause == "mac2":
            self._withdraw(grey.record)
            self.totals.take_back(grey.record)
            self.recent.pop(grey.record.card_no, None)
        elif grey.cause == "no_answer":
            self.suspects.add(grey.record.terminal_seq)
        else:
            self._end(grey.record.terminal_seq)

    def _take_batch(self, entry: Entry) -> None:
        stretch = Stretch.from_dict(entry)
        self.batches[entry["batch_no"]] = stretch
        self.cursor = Position(*entry["cursor"])
        self.waiting -= entry["count"]
        self.reported = self.reported - stretch.skip if self.waiting else set()

    def _take_sent(self, entry: Entry) -> None:
        self.batches.pop(entry["batch_no"])

    def _take_reported(self, entry: Entry) -> None:
        self._withdraw(TapRecord.from_dict(entry["record"]))

    def _take_told(self, entry: Entry) -> None:
        for terminal_seq, cause in entry["greys"]:
            grey = self.greys.get(terminal_seq)
            if grey and grey.cause == cause:
                del self.greys[terminal_seq]

    def _take_forget(self, entry: Entry) -> None:
        for number in entry["segments"]:
            self.closed.pop(number, None)
        for terminal_seq in entry["terminal_seqs"]:
            self._end(terminal_seq)

    def _take_ride(self, entry: Entry) -> None:
        ride = RideRecord.from_dict(entry["record"])
        self.rides[ride.code] = ride
        self.newest = ride.occurred_at

    def _take_rides_told(self, entry: Entry) -> None:
        for code in entry["codes"]:
            self.rides.pop(code, None)

    def _take_sam(self, entry: Entry) -> None:
        if self.standing.terminal_no:  # another SAM counts anew
            self.totals = Totals()
        self.standing.terminal_no = entry["terminal_no"]

    def _take_settled(self, entry: Entry) -> None:
        self.totals.close(datetime.fromisoformat(entry["at"]), self.unfinished)

    def _take_total_told(self, entry: Entry) -> None:
        self.totals.closed.pop(entry["from_seq"], None)

    def _take_event(self, entry: Entry) -> None:
        self.standing.tell(entry["event"], datetime.fromisoformat(entry["at"]), **entry["more"])

    def _take_events_told(self, entry: Entry) -> None:
        for number in entry["numbers"]:
            self.standing.events.pop(number, None)

    def _take_out(self, entry: Entry) -> None:
        self.standing.close(datetime.fromisoformat(entry["at"]), entry["detail"])

    def _take_free(self, entry: Entry) -> None:
        self.standing.ride_free()

    def _take_in(self, entry: Entry) -> None:
        self.standing.open(datetime.fromisoformat(entry["at"]))

    def _take_asked(self, entry: Entry) -> None:
        self.standing.ask(entry["sale"], entry["at"])

    def _take_answered(self, entry: Entry) -> None:
        self.standing.asking.pop(entry["sale"], None)

    def _take_ordered(self, entry: Entry) -> None:
        self.standing.suspended = entry["suspended"]

    def _withdraw(self, record: TapRecord) -> None:
        """A purchase behind the cursor goes into no batch."""
        self.reported.add(record.terminal_seq)
        self.waiting -= 1
        self.spending.take_back(record)

    def _end(self, terminal_seq: int) -> None:
        self.unfinished.pop(terminal_seq, None)
        self.suspects.discard(terminal_seq)

    def _remember(self, record: TapRecord) -> None:
        """The newest last, and the ones of long ago no more."""
        self.recent.pop(record.card_no, None)
        self.recent[record.card_no] = record
        oldest = next(iter(self.recent.values()))
        while oldest.occurred_at < record.occurred_at - RECENT:
            del self.recent[oldest.card_no]
            oldest = next(iter(self.recent.values()))


def _records(contents: list[dict[str, Any]]) -> list[TapRecord]:
    return [TapRecord.from_dict(content) for content in contents]
