"""`manage.py fares`: import, publish, export and check fare documents."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from rich.table import Table

from accounts.models import Chart, LedgerAccount
from citizencard.core.calendar import shanghai
from citizencard.core.models import BusinessDay
from citizencard.core.money import format_yuan
from citizencard.management.speaking import SpeakingCommand
from citizencard.management.tables import console
from terminals.errors import FaresRefused
from terminals.fares.documents import read_documents
from terminals.fares.errors import FareError
from terminals.fares.gtfs import pack
from terminals.fares.gtfs_import import Head
from terminals.models import FareProposal, Merchant
from terminals.selectors.fare_checks import FareProblem, check_documents, check_published
from terminals.selectors.fare_claims import claim_file, claimed_trips
from terminals.selectors.fare_network import fare_feed
from terminals.selectors.fares import documents_on, live_documents
from terminals.services.fare_feed import import_gtfs
from terminals.services.fares import propose_fares, publish_fares
from terminals.services.pricing import price_day, price_due_days

FEED_DAYS = 365
"""How long an exported feed says it holds."""


class Command(SpeakingCommand):
    """Bring fare documents in and out."""

    help = (
        "Fare documents: `import` proposes a JSON file (one document or a list) or a GTFS feed (.zip, Fares v2), `publish` "
        "lets a proposal stand (another person), `export` writes what is published, `check` looks for whatever is wrong, `price` works out what was tapped, `claim` writes what a payer "
        "owes for concessions."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the steps and their options."""
        steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
        come = steps.add_parser("import", help="propose the documents of a file")
        come.add_argument("file", type=Path, metavar="FILE.json|GTFS.zip")
        come.add_argument("--maker", required=True, metavar="USER", help="who proposes, for the audit trail")
        come.add_argument("--reason", default="", help="needed where a document begins in the past")
        feed = come.add_argument_group("what a GTFS feed does not tell")
        feed.add_argument("--merchant", metavar="CODE", help="who runs its lines")
        feed.add_argument("--document-version", type=int, metavar="N", help="version of its documents")
        feed.add_argument("--valid-from", type=date.fromisoformat, metavar="DATE")
        feed.add_argument("--legal-basis", metavar="TEXT")
        stand = steps.add_parser("publish", help="publish a proposal")
        stand.add_argument("proposal", type=int, metavar="NUMBER")
        stand.add_argument("--checker", required=True, metavar="USER", help="not who proposed it")
        go = steps.add_parser("export", help="write what is published")
        form = go.add_mutually_exclusive_group(required=True)
        form.add_argument("--json", action="store_true", help="every document, or those that hold on --date")
        form.add_argument("--gtfs", action="store_true", help="lines, stops and fares of --date as a feed")
        go.add_argument(
            "--date", type=date.fromisoformat, help="a day; --gtfs takes today where none is given"
        )
        go.add_argument(
            "--output", type=Path, metavar="FILE", help="standard output where none is given (JSON only)"
        )
        go.add_argument("--operator", default="Citizen Card", help="agency name of the feed")
        go.add_argument("--url", default="https://example.org/", help="agency address of the feed")
        price = steps.add_parser(
            "price", help="price the taps of a business date, or of all that are over and not done"
        )
        price.add_argument(
            "--date", type=date.fromisoformat, help="a business date; the open one may be priced, too"
        )
        claim = steps.add_parser(
            "claim", help="write what a payer owes for a month's rides, trip by trip, as CSV"
        )
        claim.add_argument("payer", metavar="PAYER", help="code of the account 1231.PAYER")
        claim.add_argument("month", metavar="YYYY-MM")
        claim.add_argument("--output", type=Path, metavar="FILE", required=True)
        check = steps.add_parser("check", help="list whatever is wrong; exit code 1 if anything is")
        check.add_argument(
            "file", type=Path, nargs="?", metavar="FILE.json", help="a file instead of what is published"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the step; what stands against it is a table or a sentence, and exit code 1."""
        step = {
            "import": self._import,
            "publish": self._publish,
            "export": self._export,
            "check": self._check,
            "price": self._price,
            "claim": self._claim,
        }
        try:
            step[options["step"]](options)
        except FaresRefused as refusal:
            raise self._refused(refusal.data["problems"]) from None
        except FareError as error:
            raise CommandError(str(error)) from None

    def _import(self, options: dict[str, Any]) -> None:
        file: Path = options["file"]
        who = {"maker": options["maker"], "reason": options["reason"]}
        if file.suffix == ".zip":
            merchant, head = self._head(options)
            proposal = import_gtfs(packed=file.read_bytes(), head=head, merchant=merchant, **who)
        else:
            proposal = propose_fares(documents=_documents(file), **who)
        self.stdout.write(
            f"proposal {proposal.pk}: {len(proposal.documents)} documents wait for a second person"
        )

    def _head(self, options: dict[str, Any]) -> tuple[Merchant, Head]:
        wanted = ("merchant", "document_version", "valid_from", "legal_basis")
        if missing := [name for name in wanted if not options[name]]:
            raise CommandError(f"--{missing[0].replace('_', '-')}: a GTFS feed does not tell it.")
        merchant = Merchant.objects.filter(code=options["merchant"]).first()
        if merchant is None:
            raise CommandError(f"--merchant: there is no merchant {options['merchant']}.")
        return merchant, Head(options["document_version"], options["valid_from"], options["legal_basis"])

    def _publish(self, options: dict[str, Any]) -> None:
        proposal = FareProposal.objects.filter(pk=options["proposal"]).first()
        if proposal is None:
            raise CommandError(f"There is no proposal {options['proposal']}.")
        for document in publish_fares(proposal=proposal, checker=options["checker"]):
            self.stdout.write(
                f"{document.code} v{document.version} from {document.valid_from}  {document.sha256}"
            )

    def _export(self, options: dict[str, Any]) -> None:
        if options["gtfs"]:
            self._export_gtfs(options)
            return
        chosen = documents_on(options["date"]) if options["date"] else live_documents()
        text = json.dumps([each.content for each in chosen], ensure_ascii=False, indent=1, sort_keys=True)
        if options["output"]:
            options["output"].write_text(text + "\n", "utf-8")
        else:
            self.stdout.write(text)

    def _export_gtfs(self, options: dict[str, Any]) -> None:
        if not options["output"]:
            raise CommandError("--output: a feed is a ZIP file and needs a name.")
        first = options["date"] or shanghai(timezone.now()).date()
        last = first + timedelta(days=FEED_DAYS)
        feed = fare_feed(operator=options["operator"], url=options["url"], first=first, last=last)
        options["output"].write_bytes(pack(feed.tables))
        self.stdout.write(f"{options['output']}: {len(feed.tables['routes.txt'])} lines")
        for what in feed.left_out:
            self.stderr.write(f"left out, GTFS cannot say it: {what}")

    def _check(self, options: dict[str, Any]) -> None:
        if options["file"]:
            today = shanghai(timezone.now()).date()
            checked = check_documents(_documents(options["file"]), today=today, reason="-")
            problems, number = checked.problems, len(checked.documents)
        else:
            problems, number = tuple(check_published()), live_documents().count()
        if problems:
            raise self._refused(problems)
        self.stdout.write(f"{number} documents: no problems")

    def _price(self, options: dict[str, Any]) -> None:
        day = options["date"]
        if day and not BusinessDay.objects.filter(date=day).exists():
            raise CommandError(f"--date: {day} is no business date.")
        with console(self.stdout).status("pricing …"):
            priced = [price_day(day=day)] if day else price_due_days()
        for each in priced:
            given = format_yuan(each.given_fen)
            self.stdout.write(
                f"{each.business_date}: {each.cards:,} cards, {each.charges:,} charges, {given} yuan given back"
            )
            for reason, taps in each.faults.items():
                self.stderr.write(f"{each.business_date}: {taps:,} taps without a fare: {reason}")

    def _claim(self, options: dict[str, Any]) -> None:
        try:
            month = date.fromisoformat(f"{options['month']}-01")
        except ValueError as error:
            raise CommandError(f"{options['month']}: a month is written YYYY-MM.") from error
        if not LedgerAccount.objects.filter(code=f"{Chart.SUBSIDY_RECEIVABLE}.{options['payer']}").exists():
            raise CommandError(f"There is no payer {options['payer']}.")
        options["output"].write_bytes(claim_file(payer=options["payer"], month=month))
        total = sum(trip.amount_fen for trip in claimed_trips(payer=options["payer"], month=month))
        self.stdout.write(f"{options['output']}: {format_yuan(total)} yuan")

    def _refused(self, problems: tuple[FareProblem, ...]) -> CommandError:
        table = Table("document", "field", "rule")
        for problem in problems:
            table.add_row(problem.document, problem.field, problem.rule)
        console(self.stdout).print(table)
        return CommandError(f"{len(problems)} problems; nothing was done. First: {problems[0]}")


def _documents(file: Path) -> list[Any]:
    """The documents of a file. Raises CommandError where it is no JSON."""
    try:
        return read_documents(file.read_bytes())
    except ValueError as error:
        raise CommandError(f"{file} is no JSON: {error}.") from error
