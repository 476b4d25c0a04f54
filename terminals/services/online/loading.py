"""A waiting top-up goes onto the chip at a terminal: MAC2 on the word of the chip's MAC1, then its TAC, in two requests.

Each may be repeated: the first gives the same MAC2 and time again while the chip stands where it stood, the second changes
nothing. What is torn between them stays LOADED, and the card's next load settles it (`accounts.services.load`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from accounts.models import Purse, TopUpOrder
from accounts.services.load import authorise_load, confirm_load
from citizencard.core.errors import NotFound
from terminals.errors import TerminalSuspended
from terminals.models import Terminal

SAME_TIME_FOR: Final = timedelta(minutes=10)
"""A repeat within this gets the time of the first answer, and so its MAC2; later it is another try with a time of its own."""


@dataclass(frozen=True, slots=True)
class ChipAnswer:
    """What the chip said to INITIALIZE FOR LOAD; the counter before increment."""

    balance_fen: int
    online_atc: int
    key_version: int
    rand: bytes
    mac1: bytes


@dataclass(frozen=True, slots=True)
class Authorised:
    """What CREDIT FOR LOAD needs, and the order it belongs to."""

    order: TopUpOrder
    mac2: bytes
    when: datetime


def begin_load(
    *, terminal: Terminal, card_no: str, number: str, chip: ChipAnswer, now: datetime | None = None
) -> Authorised:
    """MAC2 for an order that waits for this card. Raises NotFound, TerminalSuspended and what `authorise_load` raises."""
    demand_active(terminal)
    order = waiting_order(card_no=card_no, number=number)
    when = _time_of(order, terminal, chip) or (now or timezone.now()).replace(microsecond=0)
    mac2 = authorise_load(
        order=order,
        balance_fen=chip.balance_fen,
        online_atc=chip.online_atc,
        key_version=chip.key_version,
        rand=chip.rand,
        mac1=chip.mac1,
        terminal_no=terminal.terminal_no,
        when=when,
    )
    return Authorised(order, mac2, when)


def finish_load(*, card_no: str, number: str, tac: bytes | None) -> TopUpOrder:
    """The chip's TAC confirms the load; without one (the chip gave no answer) nothing moves, and the order stays open.

    From any terminal: the TAC proves itself. Raises NotFound and what `confirm_load` raises.
    """
    order = waiting_order(card_no=card_no, number=number)
    if tac is None:
        return order
    return confirm_load(
        order=order, tac=tac, balance_after_fen=(order.balance_before_fen or 0) + order.amount_fen
    )


def waiting_order(*, card_no: str, number: str) -> TopUpOrder:
    """An order for the chip of this very card, whatever its state. Raises NotFound, not telling which of the two is wrong."""
    orders = TopUpOrder.objects.select_related("card").filter(purse__kind=Purse.Kind.CHIP)
    order = orders.filter(number=number, card__pan=card_no).first()
    if order is None:
        raise NotFound(what=f"order {number}")
    return order


def demand_active(terminal: Terminal) -> None:
    """Raise TerminalSuspended unless the terminal takes cards."""
    if terminal.state != Terminal.State.ACTIVE:
        raise TerminalSuspended


def _time_of(order: TopUpOrder, terminal: Terminal, chip: ChipAnswer) -> datetime | None:
    """The time under which this very load has been authorised a moment ago; None if it was not."""
    begun = (order.state, order.terminal_no, order.online_atc, order.balance_before_fen)
    same = begun == (TopUpOrder.State.LOADED, terminal.terminal_no, chip.online_atc, chip.balance_fen)
    recent = order.loaded_at is not None and timezone.now() - order.loaded_at < SAME_TIME_FOR
    return order.loaded_at if same and recent else None
