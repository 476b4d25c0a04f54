"""A small town under the rules' eyes: gates with coordinates, buses, a shop; taps go through the real acceptance."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts.models import Card, RiskAlert, RiskRule
from accounts.selectors.risk_words import explain
from citizencard.core.keyservice.keystore import KeyStore
from terminals.models import Merchant, Place, Terminal
from terminals.services.acceptance import accept_batch
from terminals.services.places import save_place, save_stop
from terminals.services.risk import publish_risk_parameters, run_risk
from terminals.wire.batch import build_batch
from terminals.wire.record import TapRecord
from tests.factories import NOON, fill_purse, make_card, make_product
from tests.fixtures_accounts import TODAY
from tests.terminals.field import Field, make_merchant

HUNDREDTH_M = 1_112
"""Metres, rounded, of a hundredth of a degree of latitude."""
GATES = {"east": "24.90", "west": "24.91"}
BUSES = ("bus1", "bus2")
_batches = itertools.count(1)


@dataclass
class Town:
    """`at` holds a terminal for each place."""

    keys: KeyStore
    at: dict[str, Field] = field(default_factory=dict)

    @classmethod
    def found(cls, keys: KeyStore) -> Town:
        """Two gates a hundredth of a degree apart, two buses, and a shop."""
        town = cls(keys)
        metro, bus = make_merchant("METRO", "metro"), make_merchant("BUS", "bus")
        for code, latitude in GATES.items():
            stop = save_stop(code=code, name=code, latitude=Decimal(latitude), longitude=Decimal("118.60"))
            site = save_place(code=f"gate-{code}", name=code, kind="gate", merchant=metro, stop=stop)
            town._install(code, metro, site)
        for code in BUSES:
            town._install(code, bus, save_place(code=code, name=code, kind="vehicle", merchant=bus))
        town._install("shop", make_merchant("SHOP", "shop"), None)
        return town

    def _install(self, code: str, merchant: Merchant, site: Place | None) -> None:
        self.at[code] = installed = Field.install(self.keys, merchant=merchant)
        Terminal.objects.filter(pk=installed.terminal.pk).update(site=site)

    def upload(self, place: str, records: Iterable[TapRecord]) -> None:
        """One batch of one terminal."""
        accept_batch(terminal=self.at[place].terminal, body=build_batch(f"K{next(_batches)}", list(records)))

    def tap(self, card: Card, atc: int, place: str = "bus1", seconds: int = 0, **changes: Any) -> None:
        """One purchase so many seconds after noon, uploaded at once."""
        when = changes.pop("when", NOON + timedelta(seconds=seconds))
        self.upload(place, [self.at[place].tap(card, atc, occurred_at=when, **changes)])


def rider(amount_fen: int = 50_000, **product: Any) -> Card:
    """An anonymous card with money, of a product with changes."""
    card = make_card(product=make_product(**product) if product else None)
    fill_purse(card, amount_fen)
    return card


def found_by(rule: RiskRule, day: date = TODAY, **values: Any) -> list[RiskAlert]:
    """What a rule with these thresholds finds on a date; nothing of it stays."""
    with transaction.atomic():
        publish(rule, **values)
        run_risk(day=day, now=evening(day), rules=[rule])
        alerts = list(RiskAlert.objects.filter(rule=rule, business_date=day).order_by("pk"))
        for alert in alerts:
            explain(alert)
        transaction.set_rollback(True)
    return alerts


def figures_by(case_of: dict[Card, str], alerts: Iterable[RiskAlert]) -> dict[str, dict[str, Any]]:
    """The figures of alerts by the case that each card plays."""
    return {case_of[alert.card]: alert.facts["figures"] for alert in alerts if alert.card}


def publish(rule: RiskRule, *, blocks_payout: bool = True, **values: Any) -> None:
    """Parameters of a rule from the first of the year on."""
    publish_risk_parameters(
        rule=rule,
        valid_from=date(2026, 1, 1),
        values=values,
        blocks_payout=blocks_payout,
        candidate="hot",
        review_days=3,
        legal_basis="风险管理办法第一条",
        actor="supervisor",
    )


def evening(day: date) -> datetime:
    """When the rules run."""
    return NOON + (day - TODAY) + timedelta(hours=13)
