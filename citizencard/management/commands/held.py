"""`manage.py held`: what waits to be decided, whose it is and since when; `--settle` decides what needs nobody."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from django.utils.translation import gettext as _
from rich.table import Table

from citizencard.core.masks import mask_card
from citizencard.core.money import format_yuan
from citizencard.management.speaking import SpeakingCommand
from citizencard.management.tables import console
from terminals.models import WaitingPurchase
from terminals.selectors.held import age_days, bucket_of, waiting_purchases
from terminals.services.held import Settled, settle_held


class Command(SpeakingCommand):
    """List, and on request settle. Repeating settles nothing twice."""

    help = (
        "List held purchases and claims that wait to be decided, what has waited longest first. With --settle first decide "
        "what a rule decides, as every night: lost cards, what came too late or was not decided in time, claims whose value "
        "has turned up. Can be repeated."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("--settle", action="store_true", help="decide first what needs nobody")
        parser.add_argument("--json", action="store_true", help="print the result as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Settle, list and print."""
        now = timezone.now()
        settled = settle_held(now=now) if options["settle"] else None
        waiting = waiting_purchases().iterator()
        if options["json"]:
            content = {
                "settled": settled and asdict(settled),
                "waiting": [_described(each, now) for each in waiting],
            }
            self.stdout.write(json.dumps(content, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1))
            return
        if settled:
            self.stdout.write(_sentence(settled))
        console(self.stdout).print(_table(waiting, now))


def _sentence(settled: Settled) -> str:
    return _(
        "Decided: %(hot_listed)s purchases with lost cards, %(in_time)s given back, %(claims)s claims collected."
    ) % asdict(settled)


def _described(waiting: WaitingPurchase, now: datetime) -> dict[str, Any]:
    days = age_days(waiting, now)
    proposal = waiting.proposal
    return {
        "key": waiting.key,
        "cause": waiting.cause,
        "terminal": waiting.terminal.code,
        "merchant": waiting.merchant.code,
        "card": mask_card(waiting.card.pan),
        "amount_fen": waiting.amount_fen,
        "occurred_at": waiting.occurred_at,
        "since": waiting.since,
        "due_at": waiting.due_at,
        "days": days,
        "bucket": bucket_of(days),
        "owner": waiting.owner,
        "proposed": proposal and {"maker": proposal.maker, "paid_fen": proposal.paid_fen},
    }


def _table(waiting: Iterable[WaitingPurchase], now: datetime) -> Table:
    table = Table(title=_("Purchases to be decided"))
    for heading in (
        _("number"),
        _("reason"),
        _("terminal"),
        _("merchant"),
        _("card"),
        _("owner"),
        _("proposed by"),
    ):
        table.add_column(heading)
    for heading in (_("amount"), _("days")):
        table.add_column(heading, justify="right")
    for each in waiting:
        table.add_row(
            each.key,
            each.get_cause_display(),
            each.terminal.code,
            each.merchant.code,
            mask_card(each.card.pan),
            each.get_owner_display(),
            each.proposal.maker if each.proposal else "–",
            format_yuan(each.amount_fen),
            str(age_days(each, now)),
        )
    return table
