"""What a tap comes to, and what the display says: fare, balance and reason, in Chinese and English."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from terminals.program.clock import UNKNOWN
from terminals.program.outcomes import CENTRE, OUTCOMES, Beep
from terminals.wire.reasons import REASONS, Reason
from terminals.wire.record import TapRecord


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a fare is what it is: the full fare in fen (None where nobody worked one out), the rules applied by the ids of
    their documents, and one line of sentences with amounts, Chinese and English.
    """

    full_fare_fen: int | None = None
    rules: tuple[str, ...] = ()
    zh: str = ""
    en: str = ""
    is_story: bool = False
    """Whether the sentences say more than the amounts do."""

    def to_dict(self) -> dict[str, Any]:
        """For a device."""
        return {
            "full_fare_fen": self.full_fare_fen,
            "rules": list(self.rules),
            "explanation": {"zh": self.zh, "en": self.en},
        }


NOT_EXPLAINED: Final = Explained()


@dataclass(frozen=True, slots=True)
class TapResult:
    """`ok` lets the holder through. Amounts in fen, None where unknown; `record` is the purchase, if there is one.

    `balance_before_fen` and `balance_fen` are what the holder had when the card came and has now; the same when nothing was
    charged. `centre` is the centre's answer to an online purchase, None when it went to the journal only. `clock` says whether
    the terminal's time can be believed (see `clock.Drift.state`).
    """

    ok: bool
    reason: Reason
    card_no: str = ""
    fare_fen: int | None = None
    balance_fen: int | None = None
    record: TapRecord | None = None
    centre: str | None = None
    balance_before_fen: int | None = None
    clock: str = UNKNOWN
    explained: Explained = NOT_EXPLAINED

    @property
    def rule(self) -> str:
        """The short name of the rule that decided."""
        return OUTCOMES.get(self.reason.code, CENTRE)[0]

    @property
    def beep(self) -> Beep:
        """What the holder hears."""
        return OUTCOMES.get(self.reason.code, CENTRE)[1]

    def to_dict(self) -> dict[str, Any]:
        """Everything, for a program or a device that shows it in its own way."""
        return {
            "ok": self.ok,
            "reason": self.reason.to_dict(),
            "rule": self.rule,
            "beep": list(self.beep.value),
            "display": list(self.display()),
            "card_no": self.card_no,
            "fare_fen": self.fare_fen,
            **self.explained.to_dict(),
            "balance_before_fen": self.balance_before_fen,
            "balance_fen": self.balance_fen,
            "centre": self.centre,
            "clock": self.clock,
            "record": self.record.to_dict() if self.record else None,
        }

    def display(self) -> tuple[str, str]:
        """The two lines on the display, Chinese and English, each with reason, fare and balance."""
        chinese = self._line(self.reason.zh, "票款", "原价", "余额")
        return chinese, self._line(self.reason.en, "fare", "full fare", "balance")

    def _line(self, text: str, fare: str, full: str, balance: str) -> str:
        parts = [text]
        if self.fare_fen is not None:
            parts.append(f"{fare} {yuan(self.fare_fen)}")
        full_fen = self.explained.full_fare_fen
        if full_fen is not None and full_fen != self.fare_fen:
            parts.append(f"{full} {yuan(full_fen)}")
        if self.balance_fen is not None:
            parts.append(f"{balance} {yuan(self.balance_fen)}")
        return "  ".join(parts)


def yuan(amount_fen: int) -> str:
    """`1250` → `12.50`."""
    sign, (whole, fen) = "-" if amount_fen < 0 else "", divmod(abs(amount_fen), 100)
    return f"{sign}{whole}.{fen:02d}"


class Refused(Exception):
    """A tap that ends before anything was debited; carries the display's words."""

    def __init__(self, code: str, *, fare_fen: int | None = None, balance_fen: int | None = None) -> None:
        """`code` as in `terminals.wire.reasons`."""
        self.explained = NOT_EXPLAINED
        self.reason = REASONS[code]
        self.fare_fen = fare_fen
        self.balance_fen = balance_fen
        super().__init__(code)
