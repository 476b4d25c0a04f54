"""Subsidy files as agencies write them."""

from __future__ import annotations

from collections.abc import Sequence

from citizencard.core.money import format_yuan


def subsidy_file(
    rows: Sequence[tuple[object, object]],
    *,
    number: str = "YL2026-03",
    payer: str = "MZJ",
    title: str = "高龄津贴2026年3月",
    count: object = None,
    total: object = None,
    encoding: str = "utf-8",
) -> bytes:
    """A file of (holder, amount in yuan) rows; count and total are right unless told otherwise."""
    fen = sum(round(float(str(amount)) * 100) for _, amount in rows) if total is None else 0
    header = [number, payer, title, len(rows) if count is None else count]
    header.append(format_yuan(fen).replace(",", "") if total is None else total)
    lines = [header, *([index, *row] for index, row in enumerate(rows, 1))]
    return "".join(",".join(map(str, line)) + "\r\n" for line in lines).encode(encoding)
