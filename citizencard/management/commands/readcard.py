"""`manage.py readcard`: what a card shows, on any PC/SC reader or from a simulated card."""

from __future__ import annotations

import json
from getpass import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from citizencard.core.money import format_yuan
from citizencard.management.chips import card_transport, sentence
from citizencard.management.tables import console
from terminals.card.describe import describe_card
from terminals.card.errors import CardError
from terminals.readers.pcsc import list_readers

EPILOGUE = "Reading changes nothing on the card; a wrong PIN costs one of its tries."


class Command(BaseCommand):
    """Read a card without changing it."""

    help = f"Show what a T-Union or city card holds: number, validity, balance, log, trips. {EPILOGUE}"
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        where = parser.add_mutually_exclusive_group()
        where.add_argument("--reader", metavar="NAME", help="the PC/SC reader whose name contains NAME")
        where.add_argument(
            "--card", metavar="DIR", help="a simulated card: its folder, or its number in var/chips"
        )
        where.add_argument("--list", action="store_true", help="list the readers and stop")
        parser.add_argument("--pin", action="store_true", help="ask for the PIN, to see the holder's data")
        parser.add_argument("--json", action="store_true", help="print JSON: amounts in fen, bytes in hex")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read and print; what goes wrong is one sentence and exit code 1."""
        try:
            if options["list"]:
                self.stdout.write("\n".join(list_readers()) or "No reader is connected.")
                return
            pin = getpass("PIN: ") if options["pin"] else None
            with card_transport(options["reader"], options["card"]) as transport:
                shown = describe_card(transport, pin)
        except CardError as error:
            raise CommandError(sentence(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(shown, ensure_ascii=False, indent=2))
        else:
            _print(shown, console(self.stdout))


def _print(shown: dict[str, Any], target: Console) -> None:
    application, balance = shown["application"], shown["balance_fen"]
    facts = Table(title=f"{shown['card_number']}", show_header=False)
    facts.add_row("card family", shown["family"] + (" (blocked)" if shown["blocked"] else ""))
    facts.add_row("valid", f"{application.get('start', '?')} to {application.get('expiry', '?')}")
    facts.add_row("balance", format_yuan(balance) if isinstance(balance, int) else balance["error"])
    holder = shown["holder"]
    facts.add_row(
        "holder", holder.get("error") or " ".join(filter(None, (holder["name"], holder["document_number"])))
    )
    target.print(facts)
    for title, names in (
        ("log", ("sequence", "kind_name", "amount_fen", "terminal_no", "when")),
        ("trips", ("kind", "industry", "station", "amount_fen", "balance_after_fen", "when")),
    ):
        records = shown.get(title)
        if isinstance(records, list) and records:
            target.print(_table(title, names, records))


def _table(title: str, names: tuple[str, ...], records: list[dict[str, Any]]) -> Table:
    table = Table(title=title)
    for name in names:
        table.add_column(name.removesuffix("_fen"), justify="right" if name.endswith("_fen") else "left")
    for record in records:
        table.add_row(
            *(format_yuan(record[name]) if name.endswith("_fen") else str(record[name]) for name in names)
        )
    return table
