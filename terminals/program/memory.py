"""What a terminal remembers, as told by its journal: finished taps, unfinished ones, what the centre has.

Entries: `intent` (a purchase is about to be debited), `tap` (it was), `void` (it was not), `grey` (it was, but the chip
no longer gives the TAC), `batch` (a batch with these sequences is being sent), `sent` (the centre has these sequences).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from terminals.program.journal import Entry, Journal
from terminals.wire.record import TapRecord

NO_TAC = "00000000"


class Memory:
    """The journal with its meaning."""

    def __init__(self, journal: Journal) -> None:
        """Read back everything the journal holds."""
        self._journal = journal
        self.unfinished: dict[int, TapRecord] = {}
        self.waiting: dict[int, TapRecord] = {}
        self.grey: dict[int, TapRecord] = {}
        self.last_tap: dict[str, TapRecord] = {}
        self.batches: dict[str, list[int]] = {}
        for entry in journal.entries:
            self._take(entry)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The memory kept in a folder."""
        return cls(Journal(folder / "journal.ndjson"))

    def close(self) -> None:
        """Let the journal go."""
        self._journal.close()

    def intend(self, record: TapRecord) -> None:
        """Before the debit: from now on this purchase is never forgotten. The record has no TAC yet."""
        self._write("intent", record=record.to_dict())

    def finish(self, record: TapRecord) -> None:
        """The debit is proven by its TAC; the record waits for upload."""
        self._write("tap", record=record.to_dict())

    def drop(self, terminal_seq: int) -> None:
        """The chip was not debited."""
        self._write("void", terminal_seq=terminal_seq)

    def mark_grey(self, terminal_seq: int) -> None:
        """The chip was debited, but its proof is gone: a case for people."""
        self._write("grey", terminal_seq=terminal_seq)

    def begin_batch(self, batch_no: str, terminal_seqs: Iterable[int]) -> None:
        """The number is chosen before anything is sent, so that every repeat is the same batch."""
        self._write("batch", batch_no=batch_no, terminal_seqs=list(terminal_seqs))

    def mark_sent(self, terminal_seqs: Iterable[int], batch_no: str = "") -> None:
        """The centre has judged these records."""
        self._write("sent", terminal_seqs=list(terminal_seqs), batch_no=batch_no)

    def unfinished_of(self, card_no: str) -> TapRecord | None:
        """The newest purchase of a card whose end is unknown."""
        return next((item for item in reversed(self.unfinished.values()) if item.card_no == card_no), None)

    def tapped_since(self, card_no: str, since: datetime) -> TapRecord | None:
        """The card's last tap here, when it is not older."""
        last = self.last_tap.get(card_no)
        return last if last and last.occurred_at >= since else None

    def records(self) -> list[TapRecord]:
        """Every finished tap ever, sent or not, in order."""
        return [
            TapRecord.from_dict(entry["record"]) for entry in self._journal.entries if entry["kind"] == "tap"
        ]

    def _write(self, kind: str, **values: Any) -> None:
        entry: Entry = {"kind": kind, **values}
        self._journal.append(entry)
        self._take(entry)

    def _take(self, entry: Entry) -> None:
        kind = entry["kind"]
        if kind in ("intent", "tap"):
            record = TapRecord.from_dict(entry["record"])
            if kind == "intent":
                self.unfinished[record.terminal_seq] = record
            else:
                self.unfinished.pop(record.terminal_seq, None)
                self.waiting[record.terminal_seq] = record
                self.last_tap[record.card_no] = record
        elif kind in ("void", "grey"):
            record_or_none = self.unfinished.pop(entry["terminal_seq"], None)
            if kind == "grey" and record_or_none:
                self.grey[entry["terminal_seq"]] = record_or_none
        elif kind == "batch":
            self.batches[entry["batch_no"]] = entry["terminal_seqs"]
        elif kind == "sent":
            self.batches.pop(entry["batch_no"], None)
            for terminal_seq in entry["terminal_seqs"]:
                self.waiting.pop(terminal_seq, None)
