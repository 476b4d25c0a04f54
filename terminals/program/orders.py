"""What the centre told a terminal: tariffs and hot list, kept on its disk for the days without a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, Self

from terminals.program.client import CentreClient
from terminals.program.fares import FareError, TariffRule, parse_tariff
from terminals.program.keeping import keep

FILE: Final = "orders.json"


@dataclass(frozen=True, slots=True)
class Orders:
    """Tariff versions (oldest first), and the hot list, card number to time."""

    tariffs: tuple[tuple[date, TariffRule], ...]
    hot_list: Mapping[str, datetime] = field(default_factory=dict)

    @classmethod
    def parse(cls, parameters: Mapping[str, Any], hot_list: Mapping[str, Any] | None = None) -> Self:
        """From the answers of /terminal and /hot-list; FareError when a tariff cannot be computed."""
        tariffs = tuple(
            (date.fromisoformat(item["valid_from"]), parse_tariff(item["kind"], item["rule"]))
            for item in parameters["tariffs"]
        )
        entries = (hot_list or {}).get("entries", ())
        listed = {entry["card_no"]: datetime.fromisoformat(entry["effective_at"]) for entry in entries}
        return cls(tariffs, listed)

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
