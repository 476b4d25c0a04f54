"""How much a card may be topped up by and hold. The product carries the limit, the law the reason."""

from __future__ import annotations

from typing import Final

from django.db.models import Sum

from accounts.errors import AmountOutOfRange, BalanceLimitExceeded
from accounts.models import Card, CardProduct, TopUpOrder
from citizencard.core.money import format_yuan

TOP_UP_MINIMUM_FEN: Final = 100
"""The service hall's smallest top-up; the largest is what the product may hold."""


def check_amount(*, product: CardProduct, amount_fen: int) -> None:
    """Raise AmountOutOfRange for a top-up that no card of the product could ever take."""
    maximum_fen = product.balance_limit_fen
    if not TOP_UP_MINIMUM_FEN <= amount_fen <= maximum_fen:
        raise AmountOutOfRange(
            amount_fen=amount_fen,
            minimum_fen=TOP_UP_MINIMUM_FEN,
            maximum_fen=maximum_fen,
            minimum=format_yuan(TOP_UP_MINIMUM_FEN),
            maximum=format_yuan(maximum_fen),
        )


def check_balance(*, product: CardProduct, balance_fen: int) -> None:
    """Raise BalanceLimitExceeded if a card of the product may not hold `balance_fen`."""
    limit_fen = product.balance_limit_fen
    if balance_fen > limit_fen:
        raise BalanceLimitExceeded(limit_fen=limit_fen, balance_fen=balance_fen, limit=format_yuan(limit_fen))


def promised_fen(card: Card) -> int:
    """What the card has by the books and what is paid and on its way to the chip."""
    under_way = [TopUpOrder.State.PAID, TopUpOrder.State.LOADED]
    on_its_way = card.topups.filter(state__in=under_way).aggregate(total=Sum("amount_fen"))["total"]
    return int(card.purse.balance_fen) + int(on_its_way or 0)
