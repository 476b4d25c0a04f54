"""How far the terminal's clock is from the centre's, told by the centre's signed time."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from terminals.program.client import CentreClient
from terminals.wire.lists import Document, ListError, Trust, whole

WARNING: Final = timedelta(seconds=60)
SUSPECT: Final = timedelta(minutes=10)
SLOWEST: Final = timedelta(seconds=30)
"""A question that took longer tells too little."""
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Drift:
    """`ahead` is how much the centre's clock shows more than ours."""

    ahead: timedelta

    @property
    def state(self) -> str:
        """`right`; `warning` beyond a minute; `suspect` beyond ten: taps made by such a clock are to be priced again."""
        if abs(self.ahead) > SUSPECT:
            return "suspect"
        return "warning" if abs(self.ahead) > WARNING else "right"


def measure(client: CentreClient, trust: Trust, own_clock: Callable[[], datetime]) -> Drift:
    """Ask the centre. Raises CentreUnavailable, CentreRefused; ListError also `nonce` (an old answer) and `slow`.

    The key is judged by the centre's time, not by ours, which is in question.
    """
    nonce = secrets.token_hex(16)
    asked = own_clock()
    document = Document.from_bytes(client.time(nonce))
    answered = own_clock()
    trust.verify(document, document.statement.issued_at)
    told = _told(whole(document, "time"), nonce)
    if not timedelta(0) <= answered - asked <= SLOWEST:
        raise ListError("slow", "the answer took too long to tell the time")
    return Drift(told - (asked + (answered - asked) / 2))


def _told(content: bytes, nonce: str) -> datetime:
    try:
        answer = json.loads(content)
        told, answered = datetime.fromisoformat(answer["at"]), answer["nonce"]
    except (ValueError, TypeError, KeyError) as error:
        raise ListError("format", "the time is not readable") from error
    if answered != nonce:
        raise ListError("nonce", "this is the answer to another question")
    if told.tzinfo is None:
        raise ListError("format", "the time has no offset")
    return told
