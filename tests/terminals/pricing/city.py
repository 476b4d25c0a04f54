"""A city to ride in: bus, metro and car park with published fares; taps come in through acceptance."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Card
from accounts.services.subsidies import open_subsidy_payer
from citizencard.core.calendar import SHANGHAI
from citizencard.core.keyservice.keystore import KeyStore
from terminals.models import Batch, FareCharge, Place, Terminal
from terminals.services.acceptance import accept_batch
from terminals.services.places import save_line, save_place, save_stop
from terminals.wire.batch import build_batch
from terminals.wire.record import TapRecord
from tests.factories import fill_purse, make_card
from tests.terminals.fare_shelf import document, flat, publish
from tests.terminals.field import Field, make_merchant

STATIONS = {"0101": "东海", "0102": "宝洲", "0103": "西湖"}
METRO = {
    "kind": "pair",
    "rule": {
        "stations": STATIONS,
        "fares": {
            "0101-0102": 200,
            "0101-0103": 300,
            "0102-0103": 200,
            "0101-0101": 0,
            "0102-0102": 0,
            "0103-0103": 0,
        },
        "max_fen": 500,
    },
}
RIDE = ["bus", "metro"]
_batches = itertools.count(1)


def at(clock: str, day: str = "2026-03-02") -> datetime:
    return datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=SHANGHAI)


def documents() -> list[dict[str, Any]]:
    return [
        flat("bus", 200),
        document("tariff", "metro", METRO),
        document("tariff", "parking", {"kind": "time", "rule": {"free_minutes": 15, "step_minutes": 60, "step_fen": 500,
            "cap_fen": 4000}}),
        document("tariff", "till", {"kind": "entered", "rule": {"max_fen": 90_000}}),
        document("transfer", "change", {"from_tariffs": RIDE, "to_tariffs": RIDE, "within_minutes": 60,
            "same_line": False, "off_fen": 100, "combines_with": ["student"]}),
        document("concession", "student", {"tariffs": RIDE, "pay_percent": 50, "categories": ["student"],
            "combines_with": ["change"]}),
        document("cap", "day", {"tariffs": RIDE, "period": "day", "starts": "04:00", "limit_fen": 1000}),
        document("incomplete", "one-tap", {"tariffs": ["metro"], "infer_minutes": 180, "claim_days": 30,
            "claims_per_half_year": 3, "claims_per_stop": 3}),
        document("subsidy", "school", {"rules": ["student"], "payers": [{"payer": "CZJ", "weight": 2},
            {"payer": "JYJ", "weight": 1}]}),
    ]  # fmt: skip


@dataclass
class Riding:
    """Terminals by name, and the counters of cards; `tap` collects, `upload` sends what one terminal has."""

    keys: KeyStore
    terminals: dict[str, Field] = field(default_factory=dict)
    waiting: dict[str, list[TapRecord]] = field(default_factory=dict)
    counters: dict[int, int] = field(default_factory=dict)

    @classmethod
    def found(cls, keys: KeyStore) -> Riding:
        for payer in ("CZJ", "JYJ"):
            open_subsidy_payer(code=payer, name=payer, actor="city")
        for code, name in STATIONS.items():
            save_stop(code=code, name=name)
        publish(*documents())
        bus, metro = make_merchant("BUS", fee_basis_points=50), make_merchant("METRO", "metro")
        parking, shop = make_merchant("PARK", "parking"), make_merchant("SHOP", "shop")
        riding = cls(keys)
        for line in ("1", "2"):
            save_line(code=line, name=line, merchant=bus)
            vehicle = save_place(
                code=f"V{line}",
                name=line,
                kind="vehicle",
                merchant=bus,
                line=save_line(code=line, name=line, merchant=bus),
            )
            riding.install(f"bus{line}", bus, "bus", vehicle)
            riding.install(f"back{line}", bus, "bus", vehicle)
        riding.install("gate", metro, "metro", None)
        riding.install("barrier", parking, "parking", None)
        riding.install("till", shop, "till", None)
        return riding

    def card(self, **changes: Any) -> Card:
        card = make_card(**changes)
        fill_purse(card, 50_000)
        return card

    def tap(self, name: str, card: Card, when: datetime, amount_fen: int = 200, trip: str = "") -> int:
        """The counter of a tap that waits for its upload."""
        atc = self.counters[card.pk] = self.counters.get(card.pk, 0) + 1
        record = self.terminals[name].tap(card, atc, amount_fen, occurred_at=when, trip=trip)
        self.waiting.setdefault(name, []).append(record)
        return atc

    def metro(self, card: Card, entry: str, leaving: str, when: datetime, fen: int, minutes: int = 20) -> int:
        """A whole ride; the counter of its exit."""
        self.tap("gate", card, when, 0, f"in:{entry}")
        end = when + timedelta(minutes=minutes)
        return self.tap("gate", card, end, fen, f"out:{leaving}:{entry}:{when:%Y%m%d%H%M%S}")

    def upload(self, *names: str) -> None:
        for name in names or list(self.waiting):
            if records := self.waiting.pop(name, None):
                body = build_batch(f"B{next(_batches)}", records)
                batch = accept_batch(terminal=self.terminals[name].terminal, body=body)
                assert (batch.state, batch.accepted) == (Batch.State.PROCESSED, len(records)), batch.answer

    def install(self, name: str, merchant: Any, tariff: str, site: Place | None) -> None:
        field_ = Field.install(self.keys, code=name, merchant=merchant)
        Terminal.objects.filter(pk=field_.terminal.pk).update(tariff_code=tariff, site=site)
        self.terminals[name] = field_


def charges(card: Card) -> dict[int, FareCharge]:
    """The newest version of each ride, by counter."""
    rows = FareCharge.objects.filter(card_id=card.pk).order_by("version")
    return {row.atc: row for row in rows}
