"""Lost and found stock: the books of the stock and the hot list in one transaction."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import StockMovement, StockPlace, StockProposal
from accounts.services.stock import approve_stock, lose_stock
from terminals.services.hotlist import list_lost_stock, unlist_found_stock


@transaction.atomic
def lose_carton(
    *, place: StockPlace, first: str, last: str, actor: str, reason: str, occurred_at: datetime
) -> StockMovement:
    """Cards of a range that `place` answers for are gone: out of its stock, and on the hot list at once.

    Cards of the same range that lie elsewhere stay as they are. Raises InvalidField, StockMismatch.
    """
    movement = lose_stock(place=place, first=first, last=last, actor=actor, reason=reason)
    list_lost_stock(numbers=_numbers(movement), actor=actor, reason=movement.reason, occurred_at=occurred_at)
    return movement


@transaction.atomic
def approve_proposal(*, proposal: StockProposal, checker: str, occurred_at: datetime) -> StockMovement:
    """A second person agrees to scrap cards, or that they are found: those may pay again. Raises as `approve_stock`."""
    movement = approve_stock(proposal=proposal, checker=checker)
    if movement.kind == StockMovement.Kind.FOUND:
        unlist_found_stock(
            numbers=_numbers(movement), actor=checker, reason=movement.reason, occurred_at=occurred_at
        )
    return movement


def _numbers(movement: StockMovement) -> list[str]:
    return list(movement.lines.order_by("item__card__pan").values_list("item__card__pan", flat=True))
