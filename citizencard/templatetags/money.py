"""Template filters that print fen as yuan and card numbers in groups."""

from __future__ import annotations

from django import template

from citizencard.core.masks import mask_card
from citizencard.core.money import format_yuan

register = template.Library()
MINUS = "\N{MINUS SIGN}"


@register.filter
def yuan(amount_fen: int) -> str:
    """`123456` → `1,234.56`."""
    return format_yuan(amount_fen).replace("-", MINUS)


@register.filter
def signed_yuan(amount_fen: int) -> str:
    """`5000` → `+50.00`, `-200` → `−2.00`: a movement, its direction always visible."""
    return ("+" if amount_fen > 0 else "") + yuan(amount_fen)


@register.filter
def card_number(pan: str) -> str:
    """`3104397000000000017` → `3104 3970 0000 0000 017`, as it is printed on the card."""
    return " ".join(pan[at : at + 4] for at in range(0, len(pan), 4))


@register.filter
def masked_card(pan: str) -> str:
    """`3104397000000000017` → `****0017`: for pages about somebody else's card."""
    return mask_card(pan)
