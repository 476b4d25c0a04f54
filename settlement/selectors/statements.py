"""Statements read back in their canonical form."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date

from settlement.models import Statement


def canonical_lines(day: date) -> Iterator[str]:
    """One line per statement of `day` in the order of the merchants' codes, the same on every machine.

    `date|merchant|taps|online payments|online|gross|rate|fee|net|suspended taps|suspended`, amounts in fen, rate in 1/10,000, ended by a
    line feed.
    """
    rows = Statement.objects.filter(run_id=day).values_list(
        "merchant__code",
        "taps",
        "online",
        "online_fen",
        "gross_fen",
        "fee_basis_points",
        "fee_fen",
        "net_fen",
        "suspended_taps",
        "suspended_fen",
    )
    # Sorted here: the order of codes must not hang on the database's collation.
    return ("|".join(map(str, (day.isoformat(), *row))) + "\n" for row in sorted(rows))


def digest_of(day: date) -> bytes:
    """SHA-256 over the canonical lines of `day`: equal digests mean equal statements."""
    return hashlib.sha256("".join(canonical_lines(day)).encode()).digest()
