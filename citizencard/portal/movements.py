"""Statement lines as the portal shows them, and a month's spending as bars."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.core.paginator import Page, Paginator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from accounts.models import Card, DisputedCharge
from accounts.selectors.registration import known_since
from citizencard.privacy.selectors.retention import places_hidden_before
from citizencard.words import ENDED, GIVEN_BACK, OUTCOMES
from settlement.selectors.disputes import disputes_of_card
from settlement.selectors.receipts import proved_lines
from terminals.models import Channel, HeldResolution, Tap
from terminals.selectors.fare_charges import priced_taps
from terminals.selectors.statement import (
    StatementLine,
    card_statement,
    month_bounds,
    spending_by_channel,
    statement_months,
)

PAGE_LINES: Final = 20
_LOADS: Final[dict[str, StrOrPromise]] = {
    "cash": _("Top-up at the counter"),
    "agent": _("Top-up at an agent"),
    "kiosk": _("Top-up at a kiosk"),
    "gateway": _("Top-up paid online"),
    "mandate": _("Automatic top-up"),
    "subsidy": _("Subsidy"),
    "repair": _("Fare given back"),
    "refund": _("Purchase given back"),
    "dispute": _("Credit of a dispute"),
}
PAID_IN: Final = ("cash", "agent", "kiosk", "gateway", "mandate")
"""Ways of topping up of which somebody may say that it never arrived."""
What = DisputedCharge.What


@dataclass(frozen=True)
class Named:
    """A charge or top-up as an address names it, so that it can be disputed; `day` is a purchase's business date."""

    what: str
    source_id: int
    day: date | None = None


@dataclass(frozen=True)
class Movement:
    """One line for people's eyes. `icon` is a symbol of `icons.svg`; `held` marks what is not settled yet.

    `priced` is business date and counter of a tap whose fare is explained, `receipt` business date and id of a proved transfer;
    `charge` is what may be disputed of it, `dispute` the number of its dispute.
    """

    occurred_at: datetime
    icon: str
    place: str
    amount_fen: int
    balance_fen: int
    words: StrOrPromise
    held: bool
    priced: tuple[date, int] | None = None
    receipt: tuple[date, int] | None = None
    charge: Named | None = None
    dispute: str = ""


@dataclass(frozen=True)
class Bar:
    """One channel's share: `width` of the longest bar, `percent` of the whole."""

    channel: str
    label: StrOrPromise
    amount_fen: int
    width: int
    percent: int


@dataclass(frozen=True)
class Spending:
    """What one month took from the purse."""

    month: date | None
    total_fen: int
    bars: list[Bar]


def movement(
    line: StatementLine,
    priced: Collection[tuple[date, int]] = (),
    receipt: tuple[date, int] | None = None,
    disputes: Mapping[tuple[str, int], str] | None = None,
    places_from: datetime | None = None,
) -> Movement:
    """A selector's line in words; `priced` are the taps whose fare is explained, `disputes` the numbers by charge.

    What was before `places_from` names its kind and no place.
    """
    loaded = line.kind == "load"
    charge = None if disputes is None else _charge(line)
    return Movement(
        occurred_at=line.occurred_at,
        icon="topup" if loaded else line.channel,
        place=str(_LOADS.get(line.channel, line.channel)) if loaded else _place(line, places_from),
        amount_fen=line.amount_fen,
        balance_fen=line.balance_fen,
        words=_words(line),
        held=not line.ended and line.outcome not in (None, Tap.Outcome.ACCEPTED),
        priced=None
        if _is_hidden(line, places_from)
        else next((tap for tap in priced if tap == (line.business_date, line.atc)), None),
        receipt=receipt,
        charge=charge,
        dispute=(disputes or {}).get((charge.what, charge.source_id), "") if charge else "",
    )


def _charge(line: StatementLine) -> Named | None:
    if line.kind == "load" and line.channel in PAID_IN:
        return Named(What.TOP_UP, line.source_id)
    if line.outcome == Tap.Outcome.ACCEPTED and line.business_date and line.amount_fen:
        return Named(What.PURCHASE, line.source_id, line.business_date)
    return None


def _words(line: StatementLine) -> StrOrPromise:
    if line.kind == "returned":
        return GIVEN_BACK[HeldResolution.Rule(line.ended)]
    if line.kind == "collected":
        return _("Booked now that the top-up it was paid from has arrived")
    if line.ended:
        return ENDED[HeldResolution.Rule(line.ended)]
    if line.outcome is None:
        return _("Loaded onto the card")
    if line.outcome == Tap.Outcome.ACCEPTED and line.amount_fen == 0:
        return _("Entry recorded, nothing charged")
    return OUTCOMES[line.outcome]


def _is_hidden(line: StatementLine, places_from: datetime | None) -> bool:
    return places_from is not None and line.occurred_at < places_from


def _place(line: StatementLine, places_from: datetime | None) -> str:
    if _is_hidden(line, places_from):
        return str(Channel(line.channel).label)
    parts = [line.party, line.place] if line.place and line.place != line.party else [line.party]
    return " · ".join([*parts, line.note] if line.note else parts)


class StatementPaginator(Paginator):  # type: ignore[type-arg]  # generic in the stubs only
    """Pages that read only their own lines: the months' counts are known, the lines come by limit and offset."""

    def __init__(self, card: Card, month: date | None, count: int) -> None:
        self.card, self.month, self._count = card, month, count
        super().__init__([], PAGE_LINES)

    @property
    def count(self) -> int:
        """How many lines there are."""
        return self._count

    def page(self, number: int | str) -> Page[Movement]:
        """The lines of one page."""
        number = self.validate_number(number)
        since, until = shown_of(self.card, self.month)
        lines = card_statement(
            card=self.card, limit=PAGE_LINES, offset=(number - 1) * PAGE_LINES, since=since, until=until
        )
        priced, places_from = priced_taps(self.card, lines), places_hidden_before(timezone.now())
        proved, disputes = proved_lines(self.card.purse.account_id, lines), disputes_of_card(self.card)
        return Page(
            [movement(line, priced, proved.get(line), disputes.numbers, places_from) for line in lines],
            number,
            self,
        )


def parse_month(text: str, months: dict[date, int]) -> date | None:
    """`2026-11` as one of `months`; anything else means all of them."""
    return next((month for month in months if f"{month:%Y-%m}" == text), None)


def shown_of(card: Card, month: date | None) -> tuple[datetime | None, datetime | None]:
    """From when until when the holder sees movements, of a month or of all."""
    since, until = month_bounds(month) if month else (None, None)
    known = known_since(card)
    return (max(known, since) if known and since else known or since), until


def latest_spending(card: Card) -> Spending:
    """The spending of the newest month in which the holder used the card."""
    since = known_since(card)
    for month in statement_months(card=card, since=since):
        amounts = spending_by_channel(card=card, month=month, since=since)
        if amounts:
            return Spending(month, sum(amounts.values()), _bars(amounts))
    return Spending(None, 0, [])


def _bars(amounts: dict[str, int]) -> list[Bar]:
    total, longest = sum(amounts.values()), max(amounts.values())
    return [
        Bar(
            channel,
            Channel(channel).label,
            amount,
            max(1, round(100 * amount / longest)),
            round(100 * amount / total),
        )
        for channel, amount in amounts.items()
    ]
