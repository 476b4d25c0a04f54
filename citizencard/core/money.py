"""Money is an integer number of fen (1/100 CNY). Formatting and parsing happen only at the edge, here."""

from __future__ import annotations

import re
from typing import Final

YUAN_FEN: Final = 100
_YUAN = re.compile(r"(\d{1,12})(?:\.(\d{1,2}))?")


def format_yuan(amount_fen: int) -> str:
    """`-123456` → `-1,234.56`: yuan with two decimals and thousands separators, no currency sign."""
    sign = "-" if amount_fen < 0 else ""
    yuan, fen = divmod(abs(amount_fen), YUAN_FEN)
    return f"{sign}{yuan:,}.{fen:02d}"


def parse_yuan(text: str) -> int:
    """`"12.5"` → 1250 fen. Raises ValueError for signs, more than two decimals or anything else."""
    match = _YUAN.fullmatch(text.strip())
    if match is None:
        raise ValueError("an amount in yuan has digits and at most two decimals")
    return int(match[1]) * YUAN_FEN + int((match[2] or "").ljust(2, "0"))
