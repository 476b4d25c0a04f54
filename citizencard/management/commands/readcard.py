"""`manage.py readcard`: what a card shows, on any PC/SC reader or from a simulated card."""

from __future__ import annotations

import json
from getpass import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from citizencard.management.cardtables import card_tables
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
            target = console(self.stdout)
            for table in card_tables(shown):
                target.print(table)
