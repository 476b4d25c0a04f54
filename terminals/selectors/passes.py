"""Passes as terminals are told of them."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any

from accounts.selectors.passes import passes_stamp, passes_valid_in


def published_passes(channel: str, on: date) -> dict[str, Any]:
    """`{"passes": {product: {card: [[first day, last day, rides left or null], …]}}}` of a channel. Not to be changed."""
    return _published(passes_stamp(on), channel, on)


@lru_cache(maxsize=32)
def _published(_stamp: tuple[object, ...], channel: str, on: date) -> dict[str, Any]:
    told: dict[str, dict[str, list[list[Any]]]] = {}
    for held in passes_valid_in(channel, on):
        days = [held.starts_on.isoformat(), held.ends_on.isoformat(), held.rides_left]
        told.setdefault(held.code, {}).setdefault(held.card_no, []).append(days)
    return {"passes": told}
