"""A sale taken back at the till: cancelled on its day, or refunded later. The centre does it; the till only asks.

Nothing is written onto a chip here: what comes back waits in the back office until its card is at a counter or kiosk.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from terminals.card.crypto import CHINA
from terminals.program.channels import ChannelRule
from terminals.program.client import CentreClient
from terminals.program.errors import CentreRefused, CentreUnavailable
from terminals.program.memory import Memory
from terminals.program.result import TapResult
from terminals.program.upload import Uploader
from terminals.wire.reasons import REASONS
from terminals.wire.record import TapRecord

Answer = dict[str, Any]
_SAID: Final = {
    "purchase_unknown": "unknown_purchase",
    "day_closed": "too_late",
    "return_not_allowed": "too_late",
    "already_reversed": "given_back",
    "purchase_over_refunded": "given_back",
}
"""What the centre's refusals mean at the till; any other is `not_reversible`."""


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
        return self._asked(
            "reversed", record, record.amount_fen, when, lambda line: line.reverse(record, when=when)
        )

    def refund(self, terminal_seq: int, amount_fen: int, when: datetime) -> TapResult:
        """A part or the whole, within the days of the channel."""
        record = self._sale(terminal_seq)
        if record is None:
            return _no("unknown_purchase")
        if not self.channel.refund_days or not 0 < amount_fen <= record.amount_fen:
            return _no("not_reversible", record)
        if _day(when) - _day(record.occurred_at) > timedelta(days=self.channel.refund_days):
            return _no("too_late", record)
        sale = f"{terminal_seq}-{amount_fen}"
        with self.lock:
            number, at = self.memory.ask_refund(sale, when)
        result = self._asked(
            "refunded",
            record,
            amount_fen,
            when,
            lambda line: line.refund(record, amount_fen, number=number, when=at),
        )
        if result.reason.code != "line_needed":
            with self.lock:
                self.memory.end_refund(sale)
        return result

    def _sale(self, terminal_seq: int) -> TapRecord | None:
        with self.lock:
            return self.memory.find(terminal_seq)

    def _asked(
        self,
        reason: str,
        record: TapRecord,
        amount_fen: int,
        when: datetime,
        ask: Callable[[CentreClient], Answer],
    ) -> TapResult:
        """The centre must know of a sale before it can take it back, so what waits goes first."""
        if self.client is None or self.uploader is None:
            return _no("line_needed", record)
        try:
            with contextlib.suppress(
                CentreRefused
            ):  # of another batch, or this one: then the centre says so itself
                self.uploader.drain(when)
            answer = ask(self.client)
        except CentreUnavailable:
            return _no("line_needed", record)
        except CentreRefused as refusal:
            return _no(_SAID.get(refusal.code, "not_reversible"), record)
        return TapResult(True, REASONS[reason], record.card_no, -amount_fen, centre=str(answer["result"]))


def _no(reason: str, record: TapRecord | None = None) -> TapResult:
    return TapResult(False, REASONS[reason], record.card_no if record else "")


def _day(when: datetime) -> datetime:
    return when.astimezone(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
