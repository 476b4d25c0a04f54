"""What a terminal may be told of a card that lies on its reader, which the card proves by a MAC1 of its own.

A card number alone gets no answer: whoever has read one off a card or a list could follow its holder's money. The answer to
INITIALIZE FOR LOAD carries a MAC that only this chip can make, over balance and terminal; it changes nothing on the card, and
the MAC2 that would answer it never leaves the centre. What is told is what a receipt shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from accounts.models import Card, Purse, TopUpOrder
from accounts.services.load import demand_presence
from citizencard.core.errors import NotFound
from terminals.models import HotListEntry, Terminal
from terminals.services.online.loading import ChipAnswer, demand_active
from terminals.services.online.pace import take_turn

_WAITING = (TopUpOrder.State.PAID, TopUpOrder.State.LOADED)


@dataclass(frozen=True, slots=True)
class Told:
    """State of a card; of one that is `open` also the balance by the books and the top-ups that wait for its chip, in fen."""

    state: str
    as_of: datetime
    balance_fen: int | None = None
    waiting: tuple[TopUpOrder, ...] = ()


def inquire(
    *, terminal: Terminal, card_no: str, amount_fen: int, chip: ChipAnswer, now: datetime | None = None
) -> Told:
    """What is known of the card on this terminal's reader; `amount_fen` is what its MAC1 is over.

    Raises TooManyInquiries, TerminalSuspended, NotFound, LoadRefused (MAC1 wrong), KeyServiceUnavailable.
    """
    now = now or timezone.now()
    take_turn(terminal.pk)
    demand_active(terminal)
    card = Card.objects.filter(pan=card_no).first()
    if card is None:
        raise NotFound(what="card")
    demand_presence(
        card=card,
        amount_fen=amount_fen,
        balance_fen=chip.balance_fen,
        online_atc=chip.online_atc,
        key_version=chip.key_version,
        rand=chip.rand,
        mac1=chip.mac1,
        terminal_no=terminal.terminal_no,
        when=now,
    )
    if HotListEntry.objects.filter(pan=card_no, removed_at=None, effective_at__lte=now).exists():
        return Told("listed", now)
    if card.state != Card.State.ACTIVE:
        return Told("not_active", now)
    purse = card.purses.get(kind=Purse.Kind.CHIP)
    waiting = purse.topups.filter(state__in=_WAITING).order_by("-state", "pk")
    return Told("open", now, purse.balance_fen, tuple(waiting))
