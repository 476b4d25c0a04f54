"""`manage.py terminal`: a till on the command line, with a card and a SAM, in readers or simulated."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TextIO, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from citizencard.core.calendar import SHANGHAI
from citizencard.core.money import parse_yuan
from citizencard.management.chips import (
    DEVICES,
    add_centre_arguments,
    card_transport,
    sam_transport,
    sentence,
    terminal_key,
    terminal_news,
)
from citizencard.management.enrolment import enrol
from terminals.card.errors import CardError
from terminals.card.sam import SamSession
from terminals.program import cli
from terminals.program.channels import CHANNELS
from terminals.program.cli import modes
from terminals.program.client import CentreClient
from terminals.program.console import Console
from terminals.program.marks import NO_LINE
from terminals.program.memory import Memory
from terminals.program.news import ListRefused, News
from terminals.program.orders import Orders
from terminals.program.post import Meter, Post
from terminals.program.result import TapResult
from terminals.program.stops import NOWHERE
from terminals.program.terminal import Terminal
from terminals.wire.errors import WireError

RIDE = timedelta(minutes=10)
"""Between --from and --to, where no times are given."""

EXAMPLES = f"""examples:
  manage.py terminal --code shop-01 --card 3104397000000000001 --amount 12.50
  manage.py terminal --code metro-in-01 --card 3104397000000000001 --from 0101 --to 0103
  manage.py terminal --code bus-k1-001 --mode bus --line K1 --line-no 00000001 --card 3104397000000000001
  manage.py terminal --code taxi-01 --mode taxi --card 3104397000000000001 --meter 5200 120 15
  manage.py terminal --code shop-01 --mode shop --cancel 17
  manage.py terminal --config terminal.toml
  manage.py terminal --code bus-k1-001 --reader ACR122 --sam-reader "SAM" --offline
  manage.py terminal --code bus-k1-001 --upload
  manage.py terminal --code bus-k1-003 --sam-reader "SAM" --enrol ABCD-2345

{modes()}
"""


class Command(BaseCommand):
    """One tap, an upload, or the program that waits for cards."""

    help = (
        "Take one purchase as a terminal: select the card, compute the fare, debit by APDU together with the SAM, write "
        "the journal, report to the centre. Without a line, or with --offline, the purchase waits in the journal. With "
        "--config, go on as the terminal's own program does (python -m terminals.program), until a signal ends it."
    )
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Keep the line breaks of the examples."""
        formatter = argparse.RawDescriptionHelpFormatter
        return super().create_parser(
            prog_name, subcommand, formatter_class=formatter, epilog=EXAMPLES, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        who = parser.add_mutually_exclusive_group(required=True)
        who.add_argument("--code", help="the terminal, as registered")
        who.add_argument(
            "--config",
            type=Path,
            metavar="FILE",
            help="wait for cards by a configuration, TOML; see docs/terminal.md",
        )
        parser.add_argument(
            "--mode",
            choices=list(CHANNELS),
            help="where the terminal stands (default: only its tariff tells)",
        )
        parser.add_argument("--line", default="", help="the line it serves")
        parser.add_argument("--line-no", default=NO_LINE, metavar="DIGITS", help="the line as cards have it")
        card = parser.add_mutually_exclusive_group()
        card.add_argument("--reader", metavar="NAME", help="the card: PC/SC reader whose name contains NAME")
        card.add_argument(
            "--card", metavar="DIR", help="the card: simulated, by folder or number in var/chips"
        )
        sam = parser.add_mutually_exclusive_group()
        sam.add_argument(
            "--sam-reader", metavar="NAME", help="the SAM: PC/SC reader whose name contains NAME"
        )
        sam.add_argument(
            "--sam", metavar="DIR", help="the SAM: simulated (default: the demo's for this terminal)"
        )
        parser.add_argument("--amount", metavar="YUAN", help="the amount, where the cashier enters it")
        parser.add_argument("--from", dest="entry", metavar="STATION", help="entry at a station")
        parser.add_argument("--to", dest="exit", metavar="STATION", help="exit at a station")
        parser.add_argument(
            "--at", type=_moment, metavar="TIME", help="the terminal's clock, ISO 8601 (default: now)"
        )
        parser.add_argument("--again", action="store_true", help="pay once more for another person")
        parser.add_argument(
            "--lost", action="store_true", help="the attendant confirms that the entry is lost"
        )
        parser.add_argument(
            "--meter",
            nargs=3,
            type=int,
            metavar=("METRES", "WAITING_S", "MINUTES_AGO"),
            help="what a taxi's meter shows",
        )
        parser.add_argument(
            "--cancel", type=int, metavar="SEQ", help="take no card; cancel a sale of the day"
        )
        parser.add_argument(
            "--refund", type=int, metavar="SEQ", help="take no card; give back --amount of a sale"
        )
        parser.add_argument("--offline", action="store_true", help="do not talk to the centre")
        parser.add_argument(
            "--upload", action="store_true", help="take no card; send what waits in the journal"
        )
        parser.add_argument(
            "--enrol", metavar="CODE", help="take no card; become this terminal by a code from the office"
        )
        parser.add_argument(
            "--state", type=Path, metavar="DIR", help="journal and orders (default: var/devices/CODE)"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")
        add_centre_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Tap or upload; a refused card is said and exit code 1, a fault is one sentence."""
        try:
            if options["config"]:
                self._work(options)
            elif options["enrol"]:
                self._enrol(options)
            else:
                self._once(options)
        except (CardError, WireError) as error:
            raise CommandError(sentence(error)) from error

    def _work(self, options: dict[str, Any]) -> None:
        stream = cast(TextIO, self.stdout)
        if code := cli.run(options["config"], stream, keys=sys.stdin, as_json=options["json"]):
            raise SystemExit(code)

    def _once(self, options: dict[str, Any]) -> None:
        folder = options["state"] or DEVICES / options["code"]
        with contextlib.closing(Memory.open(folder)) as memory:
            if options["upload"]:
                self._upload(options, folder, memory)
            elif options["cancel"] is not None or options["refund"] is not None:
                self._take_back(options, folder, memory)
            else:
                self._tap(options, folder, memory)

    def _take_back(self, options: dict[str, Any], folder: Path, memory: Memory) -> None:
        when = options["at"] or timezone.now()
        with self._sam(options) as sam:
            terminal = Terminal(
                sam=sam,
                memory=memory,
                orders=_news(options, folder).held(),
                client=_client(options),
                post=_post(options),
            )
            if options["cancel"] is not None:
                result = terminal.cancel(options["cancel"], when=when)
            else:
                result = terminal.refund(options["refund"], _amount(options["amount"]) or 0, when=when)
        self._show([result], as_json=options["json"])

    def _enrol(self, options: dict[str, Any]) -> None:
        with self._sam(options) as sam:
            terminal_no = SamSession(sam).open().terminal_no.hex().upper()
        answer = enrol(
            code=options["code"],
            key_file=options["key"] or DEVICES / options["code"] / "key.pem",
            url=options["url"],
            one_time_code=options["enrol"],
            terminal_no=terminal_no,
        )
        self.stdout.write(
            json.dumps(answer, ensure_ascii=False)
            if options["json"]
            else f"{answer['code']} is enrolled: {answer['merchant']}, {answer['place']}."
        )

    def _upload(self, options: dict[str, Any], folder: Path, memory: Memory) -> None:
        with self._sam(options) as sam:
            terminal = Terminal(sam=sam, memory=memory, client=_client(options))
            answers = terminal.upload(when=options["at"] or timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps(answers, ensure_ascii=False, indent=2))
        for answer in [] if options["json"] else answers:
            names = ("accepted", "suspended", "duplicate", "rejected")
            counts = ", ".join(f"{answer[name]} {name}" for name in names)
            self.stdout.write(f"batch {answer['batch_no']}: {counts}")
        if not answers and not options["json"]:
            self.stdout.write("Nothing waits in the journal.")

    def _tap(self, options: dict[str, Any], folder: Path, memory: Memory) -> None:
        client = None if options["offline"] else _client(options)
        orders = self._orders(_news(options, folder), client)
        amount_fen = _amount(options["amount"])
        steps = [(role, options[role]) for role in ("entry", "exit") if options[role]] or [("both", NOWHERE)]
        when, results = options["at"] or timezone.now(), []
        with self._sam(options) as sam:
            for role, stop in steps:
                post = replace(_post(options), role=role, stop=stop)
                terminal = Terminal(
                    sam=sam, memory=memory, orders=orders, client=client, online=bool(client), post=post
                )
                if options["meter"]:
                    results.append(terminal.quote(_meter(options["meter"], when), when=when))
                    if not results[-1].ok:
                        break
                # A fresh connection each time: between entry and exit the card is out of the field.
                with card_transport(options["reader"], options["card"]) as card:
                    more = {name: options[name] for name in ("again", "lost")}
                    results.append(terminal.tap(card, when=when, amount_fen=amount_fen, **more))
                when += RIDE
        self._show(results, as_json=options["json"])

    def _orders(self, news: News, client: CentreClient | None) -> Orders:
        """Up to date where there is a line; whatever `--at` says, documents are judged by the time that it is."""
        try:
            return news.fetch(client, timezone.now()) if client else news.held()
        except ListRefused as refused:
            self.stderr.write(sentence(refused))
            return refused.orders

    @contextlib.contextmanager
    def _sam(self, options: dict[str, Any]) -> Any:
        directory = options["sam"] or (None if options["sam_reader"] else f"sam-{options['code']}")
        with sam_transport(options["sam_reader"], directory) as transport:
            yield transport

    def _show(self, results: list[TapResult], *, as_json: bool) -> None:
        console = Console(cast(TextIO, self.stdout), as_json)
        for result in results:
            console.show(result)
        if not all(result.ok for result in results):
            raise SystemExit(1)


def _client(options: dict[str, Any]) -> CentreClient:
    key = terminal_key(options["code"], options["key"])
    return CentreClient(options["url"], options["code"], key)


def _news(options: dict[str, Any], folder: Path) -> News:
    return terminal_news(options["code"], options["key"], folder)


def _post(options: dict[str, Any]) -> Post:
    return Post(channel=options["mode"] or "", line=options["line"], line_no=options["line_no"])


def _meter(shown: list[int], when: datetime) -> Meter:
    metres, waiting_s, minutes_ago = shown
    return Meter(metres, waiting_s, when - timedelta(minutes=minutes_ago))


def _amount(text: str | None) -> int | None:
    try:
        return parse_yuan(text) if text else None
    except ValueError as error:
        raise CommandError(sentence(error)) from error


def _moment(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a time like 2026-03-02T08:15:00") from None
    return when if when.tzinfo else when.replace(tzinfo=SHANGHAI)
