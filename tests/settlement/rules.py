"""Contracts and other rules for tests, put in force by two people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from settlement.models import Contract, Proposal
from settlement.services.proposals import approve_rule, propose_rule
from settlement.services.rules.years import read_lines

ADJUSTMENTS = {
    "valid_from": "2026-01-01",
    "legal_basis": "调账管理办法",
    "tiers": [{"up_to_fen": 100_000, "roles": ["supervisor"]}, {"roles": ["finance", "supervisor"]}],
}
"""Up to 1,000 yuan a supervisor checks, above it finance as well."""
CALENDAR = Path(__file__).resolve().parents[2] / "fixtures" / "calendar"


def contract(number: str = "C1", merchant: str = "M00001", **terms: Any) -> dict[str, Any]:
    """The content of a contract: 50/10,000 from the small city's day on, unless the terms say otherwise."""
    usual = {
        "number": number, "merchant": merchant, "valid_from": "2026-11-02", "legal_basis": "协议",
        "measure": "gross", "period": "day", "bands": [{"floor": 0, "price": 50}], "settle_days": 1,
    }  # fmt: skip
    return usual | terms


def bands(*steps: tuple[int, int]) -> list[dict[str, int]]:
    """Bands of (floor, price)."""
    return [{"floor": floor, "price": price} for floor, price in steps]


def shares(*parts: tuple[str, int]) -> list[dict[str, Any]]:
    """Shares of (merchant, weight)."""
    return [{"merchant": merchant, "weight": weight} for merchant, weight in parts]


def calendar(year: int, lines: Sequence[dict[str, str]] | None = None) -> dict[str, Any]:
    """A year as published, or of other lines; one whose notice is not out yet has the holidays of 2026."""
    file = CALENDAR / f"{year}.csv"
    published = read_lines(file.read_text()) if file.exists() else _like_2026(year)
    return {"year": year, "notice": "国办发明电", "lines": published if lines is None else list(lines)}


def _like_2026(year: int) -> list[dict[str, str]]:
    return [
        line | {side: f"{year}{line[side][4:]}" for side in ("from", "until")}
        for line in read_lines((CALENDAR / "2026.csv").read_text())
        if line["kind"] == "holiday"
    ]


def in_force(content: dict[str, Any], kind: str = "contract") -> Proposal:
    """Proposed by one, approved by another."""
    return approve_rule(proposal=propose_rule(kind=kind, content=content, maker="maker"), checker="checker")


def signed(*args: str, **terms: Any) -> Contract:
    """The contract in force."""
    return in_force(contract(*args, **terms)).contracts.get()
