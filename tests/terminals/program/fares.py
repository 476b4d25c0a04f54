"""Orders of the centre in few words: one tariff, or the documents the fares' own tests publish."""

from __future__ import annotations

from typing import Any

from terminals.program.orders import Orders
from tests.terminals.fares.shelf import PUBLISHED


def orders_of(kind: str, **rule: Any) -> Orders:
    """One tariff of 2026, in the way of the plain interface."""
    return Orders.parse({"tariffs": [{"valid_from": "2026-01-01", "kind": kind, "rule": rule}]})


def published(tariff: str, **more: Any) -> Orders:
    """All sample documents, one of them the terminal's own tariff; `more` as the centre's parameters have it."""
    return Orders.parse({"documents": PUBLISHED, "tariff": tariff} | more)
