"""Purses of citizens, and requests for mandates on them."""

from __future__ import annotations

from typing import Any

from accounts.models import Mandate, Purse
from accounts.services import mandates
from tests.factories import CLERK, NOON, make_card, make_citizen, make_product


def make_purse(kind: str = Purse.Kind.ACCOUNT) -> Purse:
    """An empty purse of a new citizen's card, which may hold 5,000 yuan on the chip and 1,000 online."""
    card = make_card(citizen=make_citizen(), product=make_product(real_name=True, account_limit_fen=100_000))
    return Purse.objects.select_related("card__citizen").get(card=card, kind=kind)


def ask_for_mandate(purse: Purse, **changes: Any) -> Mandate:
    """A request: 50 yuan whenever there are less than 10, at most 100 a day and 150 a month."""
    values: dict[str, Any] = {
        "citizen": purse.card.citizen,
        "purse": purse,
        "amount_fen": 5_000,
        "threshold_fen": 1_000,
        "day_cap_fen": 10_000,
        "month_cap_fen": 15_000,
        "actor": CLERK,
        "occurred_at": NOON,
    }
    return mandates.request_mandate(**(values | changes))
