"""`manage.py disputes`: the cases under way by their clock; `--settle` decides what the clock decides."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from typing import Any

from django.core.management.base import CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from django.utils.translation import gettext as _
from rich.table import Table

from citizencard.core.calendar import shanghai
from citizencard.core.masks import mask_card
from citizencard.core.money import format_yuan
from citizencard.management.speaking import SpeakingCommand
from citizencard.management.tables import console
from settlement.models import Dispute
from settlement.selectors.disputes import days_left, under_way
from settlement.services.disputes import Settled, settle_due


class Command(SpeakingCommand):
    """List, and on request settle. Repeating settles nothing twice."""

    help = (
        "List disputes that are not over, the most urgent first. With --settle first take the steps that their clock takes, as "
        "every night: without evidence or a decision in time the holder wins, a refusal nobody appeals against stands, and "
        "credits that are owed back are collected. Can be repeated."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("--settle", action="store_true", help="first decide what is due")
        parser.add_argument("--json", action="store_true", help="print the result as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Settle, list and print."""
        now = timezone.now()
        settled = settle_due(now=now) if options["settle"] else None
        today = shanghai(now).date()
        waiting = under_way().iterator()
        if options["json"]:
            content = {
                "settled": settled and asdict(settled),
                "disputes": [_described(each, today) for each in waiting],
            }
            self.stdout.write(json.dumps(content, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1))
            return
        if settled:
            self.stdout.write(_sentence(settled))
        console(self.stdout).print(_table(waiting, today))


def _sentence(settled: Settled) -> str:
    return _(
        "Granted by their clock: %(granted)s, closed: %(closed)s, taken back: %(amount)s yuan, could not be settled: %(failed)s."
    ) % (asdict(settled) | {"amount": format_yuan(settled.collected_fen)})


def _described(dispute: Dispute, today: date) -> dict[str, Any]:
    return {
        "number": dispute.number,
        "kind": dispute.kind,
        "state": dispute.state,
        "card": mask_card(dispute.charge.card.pan),
        "merchant": dispute.merchant and dispute.merchant.code,
        "amount_fen": dispute.charge.amount_fen,
        "advanced": dispute.charge.order_id is not None,
        "opened_at": dispute.opened_at,
        "due_on": dispute.due_on,
        "days_left": days_left(dispute, today),
    }


def _table(waiting: Iterable[Dispute], today: date) -> Table:
    table = Table(title=_("Disputes"))
    for heading in (_("number"), _("kind"), _("state"), _("merchant"), _("card"), _("due on")):
        table.add_column(heading)
    for heading in (_("amount"), _("days left")):
        table.add_column(heading, justify="right")
    for each in waiting:
        table.add_row(
            each.number,
            each.get_kind_display(),
            each.get_state_display(),
            each.merchant.code if each.merchant else "–",
            mask_card(each.charge.card.pan),
            f"{each.due_on}",
            format_yuan(each.charge.amount_fen),
            f"{days_left(each, today)}",
        )
    return table
