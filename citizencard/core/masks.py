"""What lists, exports and logs show of a person: enough to recognise, not enough to know."""

from __future__ import annotations


def mask_name(name: str) -> str:
    """`张明` becomes `*明`, `欧阳小明` `***明`: only the last character stays; a single one does not."""
    return "*" * (len(name) - 1) + name[-1] if len(name) > 1 else "*" * len(name)


def mask_document(number: str) -> str:
    """`110101199003071234` becomes `110***********1234`."""
    return _mask_middle(number)


def mask_phone(number: str) -> str:
    """`13812345678` becomes `138****5678`; the country code +86 is left away."""
    return _mask_middle(number.removeprefix("+86"))


def mask_card(number: str) -> str:
    """A card or bank account number by its last four digits: `****1234`."""
    return "****" + number[-4:] if len(number) >= 8 else "****"


def _mask_middle(value: str) -> str:
    """Three characters in front and four at the end; of values too short to hide four, one at each end."""
    head, tail = (3, 4) if len(value) >= 11 else (1, 1) if len(value) > 3 else (0, 0)
    return value[:head] + "*" * (len(value) - head - tail) + value[len(value) - tail :]
