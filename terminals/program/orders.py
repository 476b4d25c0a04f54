"""What the centre told a terminal: tariffs and hot list, kept on its disk for the days without a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, Protocol, Self

from terminals.fares.errors import FareError
from terminals.fares.tariffs import TariffRule, parse_tariff
from terminals.program.client import CentreClient
from terminals.program.keeping import keep
from terminals.program.limits import NO_LIMITS, Limits
from terminals.program.lists import ListStore
from terminals.wire.packed import EMPTY

FILE: Final = "orders.json"


class HotList(Protocol):
    """When a listing takes effect; None for a card that is not listed."""

    def get(self, card_no: str, /) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Orders:
    """Tariff versions (oldest first), the hot list, card number to time, and the offline limits."""

    tariffs: tuple[tuple[date, TariffRule], ...]
    hot_list: HotList = EMPTY
    limits: Limits = NO_LIMITS

    @classmethod
    def parse(cls, parameters: Mapping[str, Any], hot_list: Mapping[str, Any] | None = None) -> Self:
        """From the answers of /terminal and /hot-list; FareError or LimitsError when it cannot be used."""
        tariffs = tuple(
            (date.fromisoformat(item["valid_from"]), parse_tariff(item["kind"], item["rule"]))
            for item in parameters["tariffs"]
        )
        entries = (hot_list or {}).get("entries", ())
        listed = {entry["card_no"]: datetime.fromisoformat(entry["effective_at"]) for entry in entries}
        return cls(tariffs, listed, Limits.parse(parameters.get("limits", {})))

    @classmethod
    def of(cls, store: ListStore) -> Self:
        """From signed documents: `tariffs` and `parameters` as the answer of /terminal has them. Raises as `parse`."""
        content: dict[str, Any] = {"tariffs": []}
        for kind in ("parameters", "tariffs"):
            if kind in store.held:
                content |= json.loads(store.held[kind].content)
        return replace(cls.parse(content), hot_list=store.hot_list)

    def tariff_on(self, day: date) -> TariffRule:
        """The version in force on a day; FareError when there is none."""
        rule = next((rule for valid_from, rule in reversed(self.tariffs) if valid_from <= day), None)
        if rule is None:
            raise FareError(f"no tariff for {day}")
        return rule


NO_ORDERS: Final = Orders(())
"""Before the first word of the centre: no tariff, so nothing can be charged."""


def fetch_orders(client: CentreClient, folder: Path) -> Orders:
    """Ask the centre and keep the answer in `folder`. Raises CentreUnavailable, CentreRefused, FareError."""
    parameters, hot_list = client.parameters(), client.hot_list()
    orders = Orders.parse(parameters, hot_list)
    kept = {"parameters": parameters, "hot_list": hot_list}
    keep(folder / FILE, json.dumps(kept, ensure_ascii=False).encode())
    return orders


def kept_orders(folder: Path) -> Orders:
    """What was fetched last; NO_ORDERS when nothing ever was."""
    try:
        kept = json.loads((folder / FILE).read_text("utf-8"))
    except FileNotFoundError:
        return NO_ORDERS
    return Orders.parse(kept["parameters"], kept["hot_list"])
