"""The trip of a tap: what a fare needs to know of a ride and the display text `place` cannot say.

ASCII, exactly one of

    (nothing)                               one tap, at the terminal's own place
    in:STOP                                 an entry
    out:STOP:ENTRYSTOP:YYYYMMDDhhmmss       an exit, with the entry that the card carried, Beijing time; `?:?` without one
    meter:METRES:WAITING_S:YYYYMMDDhhmmss   a metered ride, with its begin

each of which may be followed by `@LINE`. Stops and lines have 1 to 20 letters, digits, `_`, `.` or `-`; the stop of a car park
is `0`. The form stands in one expression, which reads one trip and thousands alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final, Self

from terminals.wire.errors import RecordError

MAX_TRIP: Final = 64
BEIJING_SECONDS: Final = 8 * 3_600
BEIJING: Final = timezone(timedelta(seconds=BEIJING_SECONDS))
RULE: Final = (
    f"must be in:STOP, out:STOP:ENTRYSTOP:YYYYMMDDhhmmss, out:STOP:?:? or meter:METRES:WAITING_S:YYYYMMDDhhmmss, "
    f"each with @LINE behind it or not, in at most {MAX_TRIP} characters"
)

_CODE: Final = r"[A-Za-z0-9_.-]{1,20}"
_LEAP: Final = r"2(?:\d(?:0[48]|[2468][048]|[13579][26])|[048]00)0229"
_DAY: Final = (
    r"2\d{3}(?:(?:0[13578]|1[02])(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)(?:0[1-9]|[12]\d|30)"
    r"|02(?:0[1-9]|1\d|2[0-8]))"
)
_WHEN: Final = rf"(?:{_DAY}|{_LEAP})(?:[01]\d|2[0-3])[0-5]\d[0-5]\d"
_FORM: Final = (
    rf"(?:in:(?P<entered>{_CODE})"
    rf"|out:(?P<left>{_CODE}):(?:(?P<origin>{_CODE}):(?P<since>{_WHEN})|\?:\?)"
    rf"|meter:(?P<metres>0|[1-9]\d{{0,6}}):(?P<waiting>0|[1-9]\d{{0,5}}):(?P<begun>{_WHEN}))?"
    rf"(?:@(?P<line>{_CODE}))?"
)
_TRIP: Final = re.compile(rf"(?=.{{0,{MAX_TRIP}}}\Z){_FORM}", re.ASCII)
RIGHT_LINES: Final = re.compile(
    re.sub(r"\?P<\w+>", "?:", rf"^(?=.{{1,{MAX_TRIP}}}$){_FORM}$").encode(), re.MULTILINE
)
"""Lines of bytes that are trips, none of them empty."""
_TIME: Final = "%Y%m%d%H%M%S"


@dataclass(frozen=True, slots=True)
class Trip:
    """A trip in its parts; what a kind of trip does not have is empty or None. Times are of Beijing.

    `kind` is `""`, `in`, `out` or `meter`; `since` is the entry of an exit or the begin of a metered ride.
    """

    kind: str = ""
    stop: str = ""
    origin: str = ""
    since: datetime | None = None
    metres: int = 0
    waiting_s: int = 0
    line: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The parts of a trip. RecordError names `trip` and the rule."""
        found = matched(text)
        since = found["since"] or found["begun"]
        return cls(
            kind=text.partition("@")[0].partition(":")[0],
            stop=found["entered"] or found["left"] or "",
            origin=found["origin"] or "",
            since=datetime.strptime(since, _TIME).replace(tzinfo=BEIJING) if since else None,
            metres=int(found["metres"] or 0),
            waiting_s=int(found["waiting"] or 0),
            line=found["line"] or "",
        )

    def __str__(self) -> str:
        """As a record carries it; `parse` checks what comes out."""
        since = self.since.astimezone(BEIJING).strftime(_TIME) if self.since else "?"
        match self.kind:
            case "in":
                text = f"in:{self.stop}"
            case "out":
                text = f"out:{self.stop}:{self.origin or '?'}:{since}"
            case "meter":
                text = f"meter:{self.metres}:{self.waiting_s}:{since}"
            case _:
                text = ""
        return f"{text}@{self.line}" if self.line else text


def matched(text: str) -> re.Match[str]:
    """The parts as they stand. RecordError names `trip` and the rule."""
    if found := _TRIP.fullmatch(text):
        return found
    raise RecordError("trip", RULE)
