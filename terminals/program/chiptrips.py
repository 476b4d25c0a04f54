"""The trip a purchase leaves on the chip, so that the next terminal, without any line, knows where the card comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from terminals.card.files import TripRecord
from terminals.program.history import TripKind
from terminals.program.marks import NO_MARKS, Marks
from terminals.program.post import Post
from terminals.program.purchase import MakeTrip
from terminals.program.stops import stop_bytes

NO_CITY: Final = "0000"


@dataclass(frozen=True, slots=True)
class Scribe:
    """Writes for one terminal, at one moment."""

    terminal_no: bytes
    post: Post
    industry: int
    when: datetime
    marks: Marks = NO_MARKS

    def trip(self, kind: TripKind, fare_fen: int, *, held_fen: int = 0) -> MakeTrip:
        """A trip record but for the balance. `held_fen`, of an entry, is what a ride that never ends is held at.

        FareError when the stop does not go onto a card.
        """
        station = stop_bytes(self.post.stop, self.marks)

        def make(balance_after_fen: int) -> TripRecord:
            return TripRecord(
                kind=kind,
                terminal_no=self.terminal_no.rjust(8, b"\x00"),
                industry=self.industry,
                line=self.post.line_no,
                station=station,
                amount_fen=fare_fen,
                balance_after_fen=max(balance_after_fen, 0),
                when=self.when,
                city=NO_CITY,
                acquirer=bytes(8),
                reserved=held_fen.to_bytes(4) + bytes(2),
            )

        return make
