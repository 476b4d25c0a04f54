"""`manage.py risk --date 2026-03-02`: let the risk rules look at a business date and show what they have found."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from django.utils.translation import gettext as _
from rich.table import Table

from accounts.models import RiskAlert, RiskRule
from accounts.selectors.risk_words import explain
from citizencard.core.calendar import shanghai
from citizencard.management.arguments import business_date
from citizencard.management.speaking import SpeakingCommand
from citizencard.management.tables import console
from terminals.services.risk import RuleRun, run_risk


class Command(SpeakingCommand):
    """Run the rules of one date. Repeating finds nothing new."""

    help = (
        "Search a business date for what honest cards, terminals and people do not do. Each finding becomes an alert "
        "for a person to review; nothing else happens, but that the payout of such a card may wait. Can be repeated."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument(
            "--date", type=business_date, metavar="DATE", help="the date, YYYY-MM-DD (default: yesterday)"
        )
        parser.add_argument(
            "--rule", action="append", choices=RiskRule.values, help="only this rule; may be given again"
        )
        parser.add_argument("--json", action="store_true", help="all alerts of the date as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Search and print."""
        now = timezone.now()
        day: date = options["date"] or shanghai(now).date() - timedelta(days=1)
        rules = [RiskRule(code) for code in options["rule"]] if options["rule"] else None
        runs = run_risk(day=day, now=now, rules=rules)
        found = RiskAlert.objects.filter(business_date=day, rule__in=[run.rule for run in runs])
        alerts = list(found.select_related("parameters", "card").order_by("pk"))
        if options["json"]:
            self._write_json(day, runs, alerts)
        else:
            self._write_tables(day, runs, alerts)

    def _write_json(self, day: date, runs: list[RuleRun], alerts: list[RiskAlert]) -> None:
        content = {
            "date": day,
            "rules": [{"rule": run.rule.value, "version": run.version, "new": run.new} for run in runs],
            "alerts": [_described(alert) for alert in alerts],
        }
        self.stdout.write(json.dumps(content, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1))

    def _write_tables(self, day: date, runs: list[RuleRun], alerts: list[RiskAlert]) -> None:
        table = Table(title=_("Risk rules on %(date)s") % {"date": day})
        for heading in (_("rule"), _("version of the rule"), _("new alerts"), _("alerts of the date")):
            table.add_column(heading)
        for run in runs:
            count = sum(alert.rule == run.rule for alert in alerts)
            version = "–" if run.version is None else str(run.version)
            table.add_row(str(run.rule.label), version, str(run.new), str(count))
        console(self.stdout).print(table)
        for alert in alerts:
            self.stdout.write(
                f"#{alert.pk} {alert.state} {alert.subject_kind} {alert.subject}: {explain(alert)}"
            )


def _described(alert: RiskAlert) -> dict[str, Any]:
    return {
        "id": alert.pk,
        "rule": alert.rule,
        "version": alert.rule_version,
        "parameters": {"valid_from": alert.parameters.valid_from, **alert.parameters.values},
        "legal_basis": alert.parameters.legal_basis,
        "subject": {"kind": alert.subject_kind, "id": alert.subject},
        "facts": alert.facts,
        "explanation": explain(alert),
        "state": alert.state,
        "review_by": alert.review_by,
    }
