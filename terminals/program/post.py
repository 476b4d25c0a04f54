"""Where a terminal stands and what it is asked to do there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from terminals.program.marks import NO_LINE, NO_MARKS, Marks
from terminals.program.stops import NOWHERE


class Role(StrEnum):
    """What a gate is for. `both`: the card's own trip decides."""

    ENTRY = "entry"
    EXIT = "exit"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Post:
    """`channel` is the code of the table's row, empty when nobody said; `tariff` empty: the one the centre names.

    `line` is the line's code, `line_no` the eight digits that stand for it on cards; `stop` the stop's code.
    """

    channel: str = ""
    tariff: str = ""
    line: str = ""
    line_no: str = NO_LINE
    role: str = Role.BOTH
    stop: str = NOWHERE
    marks: Marks = NO_MARKS
    """What marks on cards mean here, as long as the centre's parameters do not say."""


@dataclass(frozen=True, slots=True)
class Meter:
    """What a taxi's meter shows at the end of a ride; `begun` is aware."""

    metres: int
    waiting_s: int
    begun: datetime


@dataclass(frozen=True, slots=True)
class Ask:
    """What whoever works the terminal has said for this tap.

    `amount_fen` where the cashier enters it; `again`: pay for one more person; `lost`: the attendant has seen that the
    entry is missing, so the highest charge is taken.
    """

    amount_fen: int | None = None
    again: bool = False
    lost: bool = False
    meter: Meter | None = None
