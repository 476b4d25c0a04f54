"""A card on the reader besides paying: its balance, and top-ups that wait for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from terminals.card.apdu import WrongPin
from terminals.program.client import CentreClient
from terminals.program.errors import CentreRefused, CentreUnavailable
from terminals.program.loading import load_waiting, waiting_for
from terminals.program.purchase import Card
from terminals.program.result import Explained, TapResult, yuan
from terminals.wire.reasons import REASONS


@dataclass(frozen=True, slots=True)
class Errands:
    """What a terminal of this number does for a card by its line to the centre."""

    client: CentreClient | None
    terminal_no: str

    def balance(self, card: Card, pin: str) -> TapResult:
        """The chip's own balance; what waits in the books besides, where the holder gives the PIN. Raises CardError."""
        if not pin:
            return _shown("balance", card)
        return self._asked(card, lambda line: _waiting(card, line, self.terminal_no, pin))

    def load(self, card: Card, pin: str) -> TapResult:
        """Everything that waits goes onto the card. Raises CardError when the card leaves."""
        return self._asked(card, lambda line: _loaded(card, line, self.terminal_no, pin))

    def _asked(self, card: Card, ask: Callable[[CentreClient], TapResult]) -> TapResult:
        try:
            if self.client is None:
                raise CentreUnavailable("this terminal has no line to the centre")
            return ask(self.client)
        except CentreUnavailable:
            return _shown("no_line", card, ok=False)
        except CentreRefused:
            return _shown("load_failed", card, ok=False)
        except WrongPin:
            return _shown("wrong_pin", card, ok=False)


def _waiting(card: Card, line: CentreClient, terminal_no: str, pin: str) -> TapResult:
    told = waiting_for(card.purse, line, terminal_no, pin)
    waiting_fen = sum(order["amount_fen"] for order in told["waiting"])
    if not waiting_fen:
        return _shown("balance", card)
    words = Explained(
        None, (), f"待圈存 {yuan(waiting_fen)}", f"waiting for the card {yuan(waiting_fen)}", True
    )
    return _shown("balance", card, explained=words)


def _loaded(card: Card, line: CentreClient, terminal_no: str, pin: str) -> TapResult:
    before_fen = card.funds_fen()
    orders = load_waiting(purse=card.purse, centre=line, terminal_no=terminal_no, pin=pin)
    return _shown("loaded" if orders else "nothing_waits", card, before_fen=before_fen)


def _shown(
    code: str,
    card: Card,
    *,
    ok: bool = True,
    before_fen: int | None = None,
    explained: Explained | None = None,
) -> TapResult:
    left_fen = card.funds_fen()
    return TapResult(
        ok,
        REASONS[code],
        card.number,
        balance_fen=left_fen,
        balance_before_fen=left_fen if before_fen is None else before_fen,
        explained=explained or Explained(),
    )
