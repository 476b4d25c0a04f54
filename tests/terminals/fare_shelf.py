"""Fare documents of a city under test, and the short way to publish them."""

from __future__ import annotations

from typing import Any

from terminals.models import FareDocument
from terminals.services.fares import propose_fares, publish_fares


def document(sort: str, code: str, body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    head = {"version": 1, "valid_from": "2026-01-01", "name": {"zh-Hans": code}, "legal_basis": "test"}
    return {"document": sort, "id": code, "body": body} | head | changes


def flat(code: str = "bus", fare_fen: int = 200, **changes: Any) -> dict[str, Any]:
    return document("tariff", code, {"kind": "flat", "rule": {"fare_fen": fare_fen}}, **changes)


def publish(*documents: dict[str, Any], reason: str = "test") -> list[FareDocument]:
    """Proposed by one, published by another."""
    proposal = propose_fares(documents=documents, maker="maker", reason=reason)
    return publish_fares(proposal=proposal, checker="checker")
