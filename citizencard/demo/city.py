"""Found the demo city from `fixtures/city.json`: rules, tariffs, merchants, terminals, partners, staff. Idempotent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from accounts.models import Agent, CardProduct, Chart, LedgerAccount, User
from accounts.services.agents import save_agent
from accounts.services.ledger import open_account
from accounts.services.limits import publish_limit
from accounts.services.passes import publish_pass_product
from accounts.services.refund_policies import publish_refund_policy
from accounts.services.stock import open_place
from accounts.services.subsidies import open_subsidy_payer
from citizencard.staff.services.changes import make_account
from settlement.bankfiles.values import BankAccount
from settlement.models import PayoutPolicy, Proposal
from settlement.services.payee_rules import (
    approve_proposed,
    propose_bank_source,
    propose_payout_account,
    propose_payout_policy,
)
from settlement.services.proposals import found_rule
from settlement.services.rules.years import read_lines
from terminals.models import FareDocument, Merchant, Place
from terminals.services.acceptance_policy import publish_acceptance_policy
from terminals.services.appeals import publish_appeal_policy
from terminals.services.fares import COUNCIL, FOUNDER, propose_fares, publish_fares, publish_tariff
from terminals.services.field import register_merchant, register_terminal
from terminals.services.fleet import publish_fleet_policy
from terminals.services.places import Call, save_line, save_place, save_route, save_stop
from terminals.services.policies import publish_hot_list_policy, publish_parameters
from terminals.services.risk import publish_risk_parameters

STAFF_PASSWORD: Final = "citizencard-demo"  # noqa: S105  printed at every start; the demo is nobody's secret

_FOUNDER: Final = "city"
"""Who the audit trail names for what the city began with."""


@dataclass(frozen=True)
class City:
    """The founded city: its description and where its devices keep what they know."""

    plan: dict[str, Any]
    devices: Path

    @classmethod
    def read(cls, fixture: Path, devices: Path) -> City:
        """Read the city's plan; `devices` is the folder of terminals' keys, lists and journals."""
        plan = json.loads(fixture.read_text("utf-8"))
        for year in plan["calendar"]:
            year["lines"] = read_lines((fixture.parent / year.pop("file")).read_text("utf-8"))
        return cls(plan, devices)

    def device(self, code: str) -> Path:
        """The folder of one terminal: private key, the centre's key and lists, journal."""
        return self.devices / code

    def found(self) -> None:
        """Bring the city into being; what is already there stays as it is."""
        self._hire_staff()
        for place in self.plan["stock_places"]:
            open_place(**place, actor=_FOUNDER)
        for product in self.plan["products"]:
            CardProduct.objects.get_or_create(code=product["code"], defaults=product)
        self._publish_limits()
        self._publish_passes()
        self._publish_refund_policies()
        self._publish_tariffs()
        self._publish_risk_rules()
        merchants = self._open_merchants()
        self._found_settlement()
        self._install_terminals(merchants, self._lay_out(merchants))
        self._contract_partners()
        self._agree_with_bank(merchants)
        self._publish_fares()

    def _hire_staff(self) -> None:
        for member in self.plan["staff"]:
            if not User.objects.filter(username=member["username"]).exists():
                user = make_account(username=member["username"], name=member["name"], roles=[member["role"]])
                user.set_password(STAFF_PASSWORD)
                user.save(update_fields=["password"])

    def _publish_limits(self) -> None:
        for limit in self.plan["limits"]:
            publish_limit(
                **limit | {"valid_from": date.fromisoformat(limit["valid_from"]), "actor": _FOUNDER}
            )

    def _publish_passes(self) -> None:
        for terms in self.plan["passes"]:
            publish_pass_product(
                **terms | {"valid_from": date.fromisoformat(terms["valid_from"]), "actor": _FOUNDER}
            )

    def _publish_refund_policies(self) -> None:
        for terms in self.plan["refund_policies"]:
            dated = {
                "product": CardProduct.objects.get(code=terms["product"]),
                "valid_from": date.fromisoformat(terms["valid_from"]),
            }
            publish_refund_policy(**terms | dated | {"actor": _FOUNDER})

    def _publish_tariffs(self) -> None:
        for tariff in self.plan["tariffs"]:
            publish_tariff(**tariff | {"valid_from": date.fromisoformat(tariff["valid_from"])})

    def _publish_fares(self) -> None:
        """Discounts, caps and who pays for them, as people would: proposed by one, published by another."""
        known = set(FareDocument.objects.values_list("code", "version"))
        fresh = [each for each in self.plan["fares"] if (each["id"], each["version"]) not in known]
        if fresh:
            proposal = propose_fares(documents=fresh, maker=FOUNDER, reason="foundation")
            publish_fares(proposal=proposal, checker=COUNCIL)

    def _publish_risk_rules(self) -> None:
        for terms in self.plan["risk_parameters"]:
            publish_risk_parameters(
                **terms | {"valid_from": date.fromisoformat(terms["valid_from"]), "actor": _FOUNDER}
            )
        for terms in self.plan["appeal_policies"]:
            publish_appeal_policy(
                **terms | {"valid_from": date.fromisoformat(terms["valid_from"]), "actor": _FOUNDER}
            )

    def _open_merchants(self) -> dict[str, Merchant]:
        return {merchant["code"]: register_merchant(**merchant) for merchant in self.plan["merchants"]}

    def _found_settlement(self) -> None:
        """Contracts with merchants, years of the settlement calendar, who checks adjustments, the clocks of disputes."""
        for rule in self.plan["settlement_rules"]:
            found_rule(kind=rule["kind"], content=rule["content"])
        for year in self.plan["calendar"]:
            found_rule(kind=Proposal.Kind.CALENDAR, content=year)

    def _contract_partners(self) -> None:
        """Those who take or give money for cards elsewhere; each once, because contracts are on the audit trail."""
        for agent in self.plan["agents"]:
            if not Agent.objects.filter(code=agent["code"]).exists():
                save_agent(**agent, actor=_FOUNDER)
        for kiosk in self.plan["kiosks"]:
            open_account(chart=Chart.KIOSK_CASH, owner=kiosk["code"], name=kiosk["name"])
        for payer in self.plan["subsidy_payers"]:
            if not LedgerAccount.objects.filter(code=f"{Chart.SUBSIDY_RECEIVABLE}.{payer['code']}").exists():
                open_subsidy_payer(**payer, actor=_FOUNDER)

    def _agree_with_bank(self, merchants: dict[str, Merchant]) -> None:
        """Who must agree to payouts, whose receipts are known, and where merchants' money goes: founded once."""
        bank = self.plan["bank"]
        if PayoutPolicy.objects.exists():
            return
        terms = {
            "valid_from": date.fromisoformat(bank["valid_from"]),
            "legal_basis": bank["legal_basis"],
            "maker": _FOUNDER,
        }
        second_fen = bank["second_approval_from_fen"]
        rows = [
            propose_payout_policy(second_approval_from_fen=second_fen, **terms),
            *(
                propose_bank_source(prefix=prefix, chart=chart, **terms)
                for prefix, chart in bank["sources"].items()
            ),
            *(
                propose_payout_account(merchant=merchants[code], account=BankAccount(*account), **terms)
                for code, *account in bank["accounts"]
            ),
        ]
        for row in rows:
            approve_proposed(row=row, checker=COUNCIL)

    def _lay_out(self, merchants: dict[str, Merchant]) -> dict[str, Place]:
        """Lines and stops, and where terminals are mounted, by code."""
        stops = {stop["code"]: save_stop(**stop | _place(stop)) for stop in self.plan["stops"]}
        lines = {
            line["code"]: save_line(**line | {"merchant": merchants[line["merchant"]]})
            for line in self.plan["lines"]
        }
        for route in self.plan["routes"]:
            calls = [Call(stops[stop], distance_m) for stop, distance_m in route["calls"]]
            save_route(**route | {"line": lines[route["line"]], "calls": calls})
        found: dict[str, dict[str, Any]] = {"merchant": merchants, "line": lines, "stop": stops}
        return {
            place["code"]: save_place(
                **{name: found[name][value] if name in found else value for name, value in place.items()}
            )
            for place in self.plan["places"]
        }

    def _install_terminals(self, merchants: dict[str, Merchant], sites: dict[str, Place]) -> None:
        for promise in self.plan["hot_list_policies"]:
            publish_hot_list_policy(
                **promise | {"valid_from": date.fromisoformat(promise["valid_from"]), "actor": _FOUNDER}
            )
        for terms in self.plan["parameters"]:
            publish_parameters(
                **terms | {"valid_from": date.fromisoformat(terms["valid_from"]), "actor": _FOUNDER}
            )
        for policy in self.plan["fleet_policies"]:
            publish_fleet_policy(
                **policy | {"valid_from": date.fromisoformat(policy["valid_from"]), "actor": _FOUNDER}
            )
        for policy in self.plan["acceptance_policies"]:
            publish_acceptance_policy(
                **policy | {"valid_from": date.fromisoformat(policy["valid_from"]), "actor": _FOUNDER}
            )
        for terminal in self.plan["terminals"]:
            facts = {name: value for name, value in terminal.items() if name != "device"}
            facts |= {"merchant": merchants[terminal["merchant"]], "site": sites.get(terminal.get("site"))}
            register_terminal(**facts, actor=_FOUNDER)


def _place(stop: dict[str, str]) -> dict[str, Decimal]:
    """Where a stop is on earth."""
    return {name: Decimal(stop[name]) for name in ("latitude", "longitude")}
