"""What the home page shows: each card with its purses, what is under way, and what it was used for last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from django.db.models import Model, Q
from django.utils import timezone

from accounts.models import Card, Citizen, Mandate, Pass, Purse, Refund, TopUpOrder
from accounts.selectors.purses import PurseOverview, purse_overview
from accounts.selectors.registration import known_since
from citizencard.portal.movements import Movement, Spending, latest_spending, movement
from citizencard.privacy.selectors.retention import places_hidden_before
from terminals.selectors.appeals import blocked_now
from terminals.selectors.statement import card_statement

_LATEST: Final = 8
_UNFINISHED: Final = (TopUpOrder.State.PAID, TopUpOrder.State.LOADED)
_ENDED: Final = (Refund.State.WITHDRAWN, Refund.State.REFUSED)

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class CardView:
    """All the home page shows of one card; `account` is None where the product has no account purse."""

    card: Card
    chip: PurseOverview
    account: PurseOverview | None
    orders: list[TopUpOrder]
    passes: list[Pass]
    mandates: list[Mandate]
    refund: Refund | None
    latest: list[Movement]
    spending: Spending
    is_blocked: bool
    """On the hot list on suspicion; the card's own page says why."""

    @property
    def chip_as_of(self) -> datetime | None:
        """The newest moment the books know of the chip; records of one moment may be booked before earlier ones'."""
        known = [self.chip.as_of] if self.chip.as_of else []
        return max([*known, *(line.occurred_at for line in self.latest)], default=None)


def card_views(citizen: Citizen) -> list[CardView]:
    """Every card that was handed to the citizen, live ones first."""
    cards = citizen.cards.exclude(state__in=[Card.State.BLANK, Card.State.PERSONALISED])
    mine = Q(card__citizen=citizen)
    unpaid = Q(state=TopUpOrder.State.INIT, channel=TopUpOrder.Channel.GATEWAY, payer=None)
    orders = _by_card(
        TopUpOrder.objects.filter(mine, Q(state__in=_UNFINISHED) | unpaid)
        .select_related("purse")
        .order_by("pk")
    )
    running = Pass.objects.filter(mine, state=Pass.State.ACTIVE).select_related("product")
    passes = _by_card(running.order_by("ends_on", "pk"))
    refunds = _by_card(Refund.objects.filter(mine).exclude(state__in=_ENDED).order_by("pk"))
    mandates: defaultdict[int, list[Mandate]] = defaultdict(list)
    live = Mandate.objects.filter(purse__card__citizen=citizen).exclude(state=Mandate.State.STOPPED)
    for mandate in live.select_related("purse").order_by("pk"):
        mandates[mandate.purse.card_id].append(mandate)
    views, places_from = [], places_hidden_before(timezone.now())
    shown = cards.annotate(is_blocked=blocked_now()).select_related("product", "registration")
    for card in shown.order_by("state", "-pk"):
        chip, *account = purse_overview(card)
        views.append(
            CardView(
                card=card,
                chip=chip,
                account=next((purse for purse in account if purse.kind == Purse.Kind.ACCOUNT), None),
                orders=orders[card.pk],
                passes=passes[card.pk],
                mandates=mandates[card.pk],
                refund=next(iter(refunds[card.pk]), None),
                latest=[
                    movement(line, places_from=places_from)
                    for line in card_statement(card=card, limit=_LATEST, since=known_since(card))
                ],
                spending=latest_spending(card),
                is_blocked=card.is_blocked,
            )
        )
    return views


def _by_card(rows: Iterable[M]) -> defaultdict[int, list[M]]:
    grouped: defaultdict[int, list[M]] = defaultdict(list)
    for row in rows:
        grouped[row.card_id].append(row)  # type: ignore[attr-defined]  # every model here has a card
    return grouped
