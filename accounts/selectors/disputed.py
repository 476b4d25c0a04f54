"""What is disputed of charges, and what was credited for it and may have to come back."""

from __future__ import annotations

from django.db.models import Sum

from accounts.models import Card, DisputedCharge

State = DisputedCharge.State


def disputed_fen(what: str, source_id: int) -> int:
    """How much of a charge nobody may give back again: it is in dispute, or a dispute has given it back."""
    rows = DisputedCharge.objects.filter(what=what, source_id=source_id).exclude(state=State.REFUSED)
    return sum(rows.values_list("amount_fen", flat=True))


def owed_back_fen(charge: DisputedCharge) -> int:
    """What has still to come back of the credit of a refused dispute."""
    if charge.order_id is None or charge.state != State.REFUSED:
        return 0
    returned_fen: int = charge.returns.aggregate(fen=Sum("amount_fen"))["fen"] or 0
    return charge.amount_fen - returned_fen


def outstanding_credits(card: Card) -> list[DisputedCharge]:
    """Advances of a card that are not the holder's for good: undecided, or owed back."""
    advanced = card.disputed_charges.filter(order__isnull=False).exclude(state=State.GRANTED).order_by("pk")
    return [charge for charge in advanced if charge.state == State.OPEN or owed_back_fen(charge)]


def advanced_fen(card: Card) -> int:
    """What all outstanding advances of a card come to."""
    return sum(owed_back_fen(charge) or charge.amount_fen for charge in outstanding_credits(card))
