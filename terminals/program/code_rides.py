"""Rides paid by ride code at one terminal: accepted once, in the journal before anybody is let through, told when there is a line."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime

from terminals.program.client import CentreClient
from terminals.program.dues import Due
from terminals.program.memory import Memory
from terminals.program.orders import Orders
from terminals.program.result import Refused, TapResult
from terminals.program.ride_codes import RideCodes
from terminals.wire.reasons import REASONS
from terminals.wire.rides import MAX_RIDES, RideRecord


@dataclass
class CodeRides:
    """Codes of rides that wait in the journal are remembered from the beginning."""

    memory: Memory
    client: CentreClient | None
    lock: threading.RLock
    _codes: RideCodes = field(default_factory=lambda: RideCodes({}))

    def __post_init__(self) -> None:
        for ride in self.memory.state.rides.values():
            self._codes.remember(ride.code, ride.occurred_at)

    def accept(self, code: str, owed: Due, orders: Orders, when: datetime) -> TapResult:
        """Let the holder ride for what is owed. Raises RideCodeError, Refused `journal_full`."""
        self._codes.keys = orders.ride_keys
        read = self._codes.accept(code, when, owed.fare_fen)
        try:
            self.memory.keep_ride(RideRecord(code, owed.fare_fen, when.replace(microsecond=0)))
        except OSError as error:
            raise Refused("journal_full", fare_fen=owed.fare_fen) from error
        return TapResult(True, REASONS["accepted"], read.card_no, owed.fare_fen, explained=owed.explained)

    def tell(self) -> bool:
        """Tell the centre of as many as it takes at once; whether there were any. Raises CentreUnavailable, CentreRefused."""
        with self.lock:
            waiting = list(self.memory.state.rides.values())[:MAX_RIDES]
        if not waiting or self.client is None:
            return False
        self.client.post_rides(waiting)
        with self.lock:
            self.memory.mark_rides_told(ride.code for ride in waiting)
        return True
