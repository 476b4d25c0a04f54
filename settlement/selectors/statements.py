"""Statements read back in their canonical form."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from operator import itemgetter
from typing import Final

from settlement.models import Statement

_COLUMNS: Final = (
    "merchant__code", "taps", "online", "online_fen", "gross_fen", "fee_basis_points", "fee_fen", "net_fen", "suspended_taps", "suspended_fen",
)  # fmt: skip
_TERMS: Final = ("contract__number", "fee_base", "fee_before", "adjusted_fen")


def canonical_lines(day: date) -> Iterator[str]:
    """One line per statement of `day` in the order of the merchants' codes, the same on every machine.

    `date|merchant|taps|online payments|online|gross|rate|fee|net|suspended taps|suspended`, amounts in fen, rate in 1/10,000, ended by a
    line feed. Where there is a contract, or an adjustment, `|contract|fee base|base before|adjusted` follows; the rate is empty where
    it is no plain one.
    """
    rows = Statement.objects.filter(run_id=day).values_list(*_COLUMNS, *_TERMS)
    # Sorted here: the order of codes must not hang on the database's collation.
    for row in sorted(rows, key=itemgetter(0)):
        facts, (number, base, before, adjusted) = row[: len(_COLUMNS)], row[len(_COLUMNS) :]
        if number is not None or adjusted:
            facts += (number, base, before, adjusted)
        yield "|".join("" if each is None else str(each) for each in (day, *facts)) + "\n"


def digest_of(day: date) -> bytes:
    """SHA-256 over the canonical lines of `day`: equal digests mean equal statements."""
    return hashlib.sha256("".join(canonical_lines(day)).encode()).digest()
