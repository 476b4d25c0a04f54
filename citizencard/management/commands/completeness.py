"""`manage.py completeness`: every counter of cards and terminals accounted for, and what is missing by name."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from rich.table import Table

from accounts.models import Card
from citizencard.core.money import format_yuan
from citizencard.management.arguments import business_date
from citizencard.management.speaking import SpeakingCommand
from citizencard.management.tables import console
from citizencard.words import fault_words
from terminals.models import Terminal
from terminals.selectors import counters
from terminals.selectors.completeness import completeness
from terminals.selectors.counters import BalanceLaw, Fault

BAD_INPUT = 2


class Command(SpeakingCommand):
    """Report; it changes nothing."""

    help = (
        "Say what is missing, twice or does not fit of the counters of cards and terminals: of one card, of one terminal, "
        "of all that a business date has taps of, or of the whole city. Exit code 0: nothing, 1: something, each is "
        "listed, 2: no such card or terminal. Changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        scope = parser.add_mutually_exclusive_group()
        scope.add_argument("--card", metavar="NUMBER", help="one card, by the number on its face")
        scope.add_argument("--terminal", metavar="CODE", help="one terminal")
        scope.add_argument("--date", type=business_date, metavar="DATE", help="a business date, YYYY-MM-DD")
        parser.add_argument("--json", action="store_true", help="print the result as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Report, and exit with 1 when something is wrong."""
        cards, terminals = _scope(options)
        faults = counters.card_faults(cards=cards) + counters.terminal_faults(terminals=terminals)
        law, kept = counters.balance_law(cards=cards), completeness(business_date=options["date"])
        if options["json"]:
            content = {
                "faults": [asdict(fault) for fault in faults],
                "balance_law": asdict(law) | {"holds": law.holds},
            }
            content["records"] = asdict(kept) | {"complete": kept.complete}
            self.stdout.write(json.dumps(content, ensure_ascii=False, default=str))
        else:
            self._print(faults, law)
            self.stdout.write(
                _("%(kept)s of %(received)s records received are kept.")
                % {"kept": f"{kept.accounted:,}", "received": f"{kept.received:,}"}
            )
        if faults or not law.holds or not kept.complete:
            sys.exit(1)

    def _print(self, faults: list[Fault], law: BalanceLaw) -> None:
        if faults:
            console(self.stdout).print(_table(faults))
        self.stdout.write(law_sentence(law))


def law_sentence(law: BalanceLaw) -> str:
    """The conservation of the chips' money in one sentence."""
    amounts = {
        "spent": format_yuan(law.spent_fen),
        "matched": format_yuan(law.matched_fen),
        "gaps": format_yuan(law.gaps_fen),
        "unexplained": format_yuan(law.unexplained_fen),
    }
    return (
        _("Chips spent %(spent)s: %(matched)s by records, %(gaps)s in gaps, %(unexplained)s unexplained.")
        % amounts
    )


def _scope(options: dict[str, Any]) -> tuple[list[int] | None, list[int] | None]:
    """Ids of the cards and of the terminals asked for; None for all of them."""
    if number := options["card"]:
        found = list(Card.objects.filter(pan=number).values_list("pk", flat=True))
        if not found:
            raise CommandError(
                _("There is no card with the number %(number)s.") % {"number": number}, returncode=BAD_INPUT
            )
        return found, []
    if code := options["terminal"]:
        found = list(Terminal.objects.filter(code=code).values_list("pk", flat=True))
        if not found:
            raise CommandError(_("There is no terminal %(code)s.") % {"code": code}, returncode=BAD_INPUT)
        return [], found
    if day := options["date"]:
        return counters.cards_of(business_date=day), counters.terminals_of(business_date=day)
    return None, None


def _table(faults: list[Fault]) -> Table:
    table = Table(title=_("Counters not accounted for"))
    for heading in (_("card or terminal"), _("fault"), _("counters"), _("known since")):
        table.add_column(heading)
    for heading in (_("count"), _("amount")):
        table.add_column(heading, justify="right")
    for fault in faults:
        span = str(fault.first) if fault.first == fault.last else f"{fault.first}–{fault.last}"
        amount = "" if fault.missing_fen is None else format_yuan(fault.missing_fen)
        since = f"{fault.since:%Y-%m-%d %H:%M}"
        table.add_row(fault.number, str(fault_words(fault.kind)), span, since, f"{fault.count:,}", amount)
    return table
