"""Ride codes at a terminal: signature, time, and each code once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from terminals.wire import ride_code
from terminals.wire.ride_code import LIFETIME_MAX, RideCode, RideCodeError

TOLERANCE: Final = timedelta(seconds=30)
"""How far the terminal's clock and the centre's may lie apart."""
REMEMBERED_MAX: Final = 10_000
"""More codes than one device can scan while they live; when full, none is accepted rather than one twice."""


@dataclass
class RideCodes:
    """`keys` are the centre's raw public keys by `wire.ride_code.key_of`. Seen codes are kept while they could come again."""

    keys: Mapping[bytes, bytes]
    _seen: dict[bytes, tuple[str, datetime]] = field(default_factory=dict)

    def accept(self, text: str, when: datetime, amount_fen: int) -> RideCode:
        """The code that pays this fare, which is used up by that. Raises RideCodeError with a reason of its own for each fault:

        `qr_format`, `qr_key`, `qr_altered` (the number of a code seen here, but other bytes), `qr_forged`, `qr_early`,
        `qr_expired`, `qr_replayed`, `qr_over` (the fare is more than it is good for), `qr_busy`.
        """
        number = ride_code.number_of(text)
        known = self._seen.get(number)
        if known and known[0] != text:
            raise RideCodeError("qr_altered")
        code = ride_code.read(text, self.keys)
        if known:
            raise RideCodeError("qr_replayed")
        if when < code.issued_at - TOLERANCE:
            raise RideCodeError("qr_early")
        if when >= code.expires_at + TOLERANCE:
            raise RideCodeError("qr_expired")
        if amount_fen > code.most_fen:
            raise RideCodeError("qr_over")
        self._forget(when)
        if len(self._seen) >= REMEMBERED_MAX:
            raise RideCodeError("qr_busy")
        self._seen[number] = (text, code.expires_at + TOLERANCE)
        return code

    def remember(self, text: str, when: datetime) -> None:
        """A code that was accepted at that time, before the program began."""
        self._seen[ride_code.number_of(text)] = (text, when + LIFETIME_MAX + 2 * TOLERANCE)

    def _forget(self, when: datetime) -> None:
        """Make room, when it is needed, by what could not be accepted any more anyway."""
        if len(self._seen) < REMEMBERED_MAX:
            return
        for number in [number for number, (_, until) in self._seen.items() if until <= when]:
            del self._seen[number]
