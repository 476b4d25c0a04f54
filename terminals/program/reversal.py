"""A sale taken back at the till: cancelled on its day, or refunded later. The centre does it; the till only asks.

Nothing is written onto a chip here: what comes back waits in the back office until its card is at a counter or kiosk.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from terminals.card.crypto import CHINA
from terminals.program.channels import ChannelRule
from terminals.program.client import CentreClient
from terminals.program.errors import CentreRefused, CentreUnavailable
from terminals.program.memory import Memory
from terminals.program.result import TapResult
from terminals.program.upload import Uploader
from terminals.wire.reasons import REASONS
from terminals.wire.record import TapRecord


@dataclass(frozen=True, slots=True)
class Reversals:
    """What one terminal may take back, by the row of its channel."""

    memory: Memory
    channel: ChannelRule
    client: CentreClient | None
    uploader: Uploader | None
    lock: threading.RLock

    def cancel(self, terminal_seq: int, when: datetime) -> TapResult:
        """The whole sale, on its own day."""
        record = self._sale(terminal_seq)
        if record is None:
            return _no("unknown_purchase")
        if not self.channel.cancel:
            return _no("not_reversible", record)
        if _day(record.occurred_at) != _day(when):
            return _no("too_late", record)
        return self._asked("cancelled", record, record.amount_fen, when)

    def refund(self, terminal_seq: int, amount_fen: int, when: datetime) -> TapResult:
        """A part or the whole, within the days of the channel."""
        record = self._sale(terminal_seq)
        if record is None:
            return _no("unknown_purchase")
        if not self.channel.refund_days or not 0 < amount_fen <= record.amount_fen:
            return _no("not_reversible", record)
        if _day(when) - _day(record.occurred_at) > timedelta(days=self.channel.refund_days):
            return _no("too_late", record)
        return self._asked("refunded", record, amount_fen, when)

    def _sale(self, terminal_seq: int) -> TapRecord | None:
        with self.lock:
            return self.memory.find(terminal_seq)

    def _asked(self, reason: str, record: TapRecord, amount_fen: int, when: datetime) -> TapResult:
        """The centre must know of a sale before it can take it back, so what waits goes first."""
        if self.client is None or self.uploader is None:
            return _no("line_needed", record)
        try:
            with contextlib.suppress(
                CentreRefused
            ):  # of another batch, or this one: then the centre says so itself
                self.uploader.drain(when)
            ask = self.client.reverse if reason == "cancelled" else self.client.refund
            answer = ask(record, amount_fen)
        except CentreUnavailable:
            return _no("line_needed", record)
        except CentreRefused as refusal:
            return _no(refusal.code if refusal.code in REASONS else "not_reversible", record)
        said = str(answer.get("result", "")) or None
        return TapResult(True, REASONS[reason], record.card_no, -amount_fen, centre=said)


def _no(reason: str, record: TapRecord | None = None) -> TapResult:
    return TapResult(False, REASONS[reason], record.card_no if record else "")


def _day(when: datetime) -> datetime:
    return when.astimezone(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
