"""What whoever works the terminal types: the amount before a card, the meter, out of service and back. One command a line."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from terminals.card.crypto import CHINA
from terminals.card.errors import CardError
from terminals.card.transport import Transport
from terminals.program.console import Console
from terminals.program.post import Meter
from terminals.program.result import TapResult
from terminals.program.terminal import Terminal
from terminals.wire.ride_code import PREFIX

_YUAN: Final = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,2})?")
HELP: Final = (
    "amount YUAN | again | lost | meter METRES WAITING_SECONDS MINUTES_AGO | cancel SEQUENCE | refund SEQUENCE YUAN | "
    "balance [PIN] | load PIN | ride CODE, or the code alone | out REASON | in | status"
)
DETAIL: Final = 200


class KeypadError(CardError):
    """What was typed is no command; the message says what would be."""


@dataclass
class Keypad:
    """Keeps what was said for the next card; `serve` gives it to that card, and it is gone."""

    terminal: Terminal
    console: Console
    own_clock: Callable[[], datetime]
    said: dict[str, Any] = field(default_factory=dict)
    errand: Callable[[Transport], TapResult] | None = None

    def serve(self, card: Transport) -> TapResult:
        """The card that is there now: it pays, unless something else was asked for."""
        errand, self.errand = self.errand, None
        said, self.said = self.said, {}
        if errand is not None:
            return errand(card)
        return self.terminal.tap(card, when=self.own_clock(), **said)

    def type(self, line: str) -> None:
        """Do what was typed; a fault is one sentence on the display."""
        name, *words = line.split() or [""]
        if name.startswith(PREFIX):  # a scanner types what it reads
            name, words = "ride", [name, *words]
        commands: dict[str, Callable[..., None]] = {
            "amount": self._amount, "again": self._again, "lost": self._lost, "meter": self._meter, "cancel": self._cancel,
            "refund": self._refund, "balance": self._balance, "load": self._load, "ride": self._ride, "out": self._out,
            "in": self._in, "status": self._status,
        }  # fmt: skip
        try:
            if name not in commands:
                raise KeypadError(HELP)
            commands[name](*words)
        except TypeError:
            self.console.say(HELP)
        except (CardError, OSError) as error:
            self.console.say(str(error))

    def _amount(self, yuan: str) -> None:
        self.said["amount_fen"] = yuan_fen(yuan)

    def _again(self) -> None:
        self.said["again"] = True

    def _lost(self) -> None:
        self.said["lost"] = True

    def _meter(self, metres: str, waiting_s: str, minutes_ago: str) -> None:
        if not all(
            word.isascii() and word.isdecimal() and len(word) < 8 for word in (metres, waiting_s, minutes_ago)
        ):
            raise KeypadError("meter METRES WAITING_SECONDS MINUTES_AGO: three whole numbers")
        now = self.own_clock()
        meter = Meter(int(metres), int(waiting_s), now - timedelta(minutes=int(minutes_ago)))
        self.console.show(self.terminal.quote(meter, when=now))

    def _cancel(self, sequence: str) -> None:
        self.console.show(self.terminal.cancel(_sequence(sequence), when=self.own_clock()))

    def _refund(self, sequence: str, yuan: str) -> None:
        amount_fen = yuan_fen(yuan)
        self.console.show(self.terminal.refund(_sequence(sequence), amount_fen, when=self.own_clock()))

    def _balance(self, pin: str = "") -> None:
        self.errand = lambda card: self.terminal.balance(card, when=self.own_clock(), pin=pin)

    def _load(self, pin: str) -> None:
        self.errand = lambda card: self.terminal.load(card, when=self.own_clock(), pin=pin)

    def _ride(self, code: str) -> None:
        said, self.said = self.said, {}
        ride = self.terminal.ride(code, when=self.own_clock(), amount_fen=said.get("amount_fen"))
        self.console.show(ride)

    def _out(self, *words: str) -> None:
        with self.terminal.lock:
            self.terminal.memory.go_out(self.own_clock(), " ".join(words)[:DETAIL])
        self._status()

    def _in(self) -> None:
        with self.terminal.lock:
            self.terminal.memory.go_in(self.own_clock())
        self._status()

    def _status(self) -> None:
        state = self.terminal.memory.state
        outage = state.standing.outage
        self.console.tell(
            {
                "waiting": state.unsent,
                "unfinished": len(state.unfinished),
                "events": len(state.standing.events),
                "rides": len(state.rides),
                "in_service": outage is None and not state.standing.suspended,
                "free_rides": outage.free_rides if outage else 0,
                "clock": self.terminal.drift.state if self.terminal.drift else "unknown",
                "time": self.own_clock().astimezone(CHINA).isoformat(timespec="seconds"),
            }
        )


def yuan_fen(text: str) -> int:
    """`12.50` → 1250; KeypadError when it is no amount."""
    if not _YUAN.fullmatch(text):
        raise KeypadError(f"'{text}' is no amount in yuan like 12.50")
    whole, _, fen = text.partition(".")
    return int(whole) * 100 + int(fen.ljust(2, "0") or 0)


def _sequence(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise KeypadError(f"'{text}' is no terminal sequence")
    return int(text)
