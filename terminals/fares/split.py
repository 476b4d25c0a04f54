"""Sharing an amount by weights, to the last fen."""

from __future__ import annotations

from collections.abc import Sequence


def split_fen(amount_fen: int, weights: Sequence[int]) -> list[int]:
    """Parts in proportion to the weights that sum to the amount: largest remainders first, the earlier one at a tie.

    Amounts are not negative, weights positive.
    """
    total = sum(weights)
    parts = [amount_fen * weight // total for weight in weights]
    remainders = [amount_fen * weight % total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: (-remainders[place], place))
    for place in by_remainder[: amount_fen - sum(parts)]:
        parts[place] += 1
    return parts
