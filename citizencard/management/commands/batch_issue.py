"""`manage.py batch_issue`: check, upload, approve and follow a list of people who get cards."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.progress import Progress

from accounts.errors import IssueFileRefused
from accounts.models import CardProduct, IssueBatch, StockPlace
from accounts.services.batch_issue import approve_batch, check_issue_file, run_chunk, upload_issue_file
from citizencard.management.speaking import SpeakingCommand
from citizencard.management.tables import console, show_problems


class Command(SpeakingCommand):
    """Check, upload, approve or follow."""

    help = (
        "Take a school's or company's list (XLSX: 姓名, 证件类型, 证件号码, 手机号, 同意). It is taken whole or not at all; "
        "the same file again is the same batch. With --approve, by another person than uploaded it, it is carried out in "
        "the background; --follow carries it out here and shows how far it is. Killed, it goes on where it was."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("file", type=Path, metavar="FILE", help="the list")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--dry-run", action="store_true", help="only list every bad row")
        what.add_argument("--approve", metavar="USER", help="let the uploaded list be carried out")
        parser.add_argument(
            "--follow", action="store_true", help="carry an approved list out and show progress"
        )
        parser.add_argument("--product", metavar="CODE", help="which card, of a product in a name")
        parser.add_argument("--organisation", metavar="NAME", help="whose list it is")
        parser.add_argument("--hall", metavar="CODE", help="where the cards are handed out")
        parser.add_argument("--bureau", metavar="CODE", help="who makes the cards")
        parser.add_argument(
            "--deadline", type=date.fromisoformat, metavar="DATE", help="wanted by, YYYY-MM-DD"
        )
        parser.add_argument("--maker", metavar="USER", help="who uploads, for the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the step asked for; what stands against it is a table or a sentence, and exit code 1."""
        content = options["file"].read_bytes()
        try:
            if options["dry_run"]:
                self._dry_run(content, options)
            elif options["approve"] or options["follow"]:
                self._carry_out(content, options)
            else:
                self._upload(content, options)
        except IssueFileRefused as refusal:
            if problems := refusal.data["problems"]:
                show_problems(self.stdout, problems)
            raise CommandError(str(refusal)) from None

    def _dry_run(self, content: bytes, options: dict[str, Any]) -> None:
        if problems := check_issue_file(content=content, product=_product(options)):
            raise IssueFileRefused(problems=problems)
        self.stdout.write("no problems, nothing taken")

    def _upload(self, content: bytes, options: dict[str, Any]) -> None:
        names = ("product", "organisation", "hall", "bureau", "deadline", "maker")
        if missing := [f"--{name}" for name in names if not options[name]]:
            raise CommandError(f"An upload needs {', '.join(missing)}.")
        batch = upload_issue_file(
            content=content,
            organisation=options["organisation"],
            product=_product(options),
            hall=_place(options["hall"]),
            bureau=_place(options["bureau"]),
            deadline=options["deadline"],
            maker=options["maker"],
        )
        self.stdout.write(
            f"batch {batch.pk}, order {batch.order.number}, {batch.order.quantity:,} rows: {batch.state}"
        )

    def _carry_out(self, content: bytes, options: dict[str, Any]) -> None:
        batch = IssueBatch.objects.filter(sha256=hashlib.sha256(content).digest()).first()
        if batch is None:
            raise CommandError("This list has not been uploaded.")
        if options["approve"]:
            batch = approve_batch(batch=batch, checker=options["approve"])
        if options["follow"]:
            self._follow(batch)
        batch.refresh_from_db()
        self.stdout.write(f"batch {batch.pk}: {batch.state}")

    def _follow(self, batch: IssueBatch) -> None:
        with Progress(console=console(self.stdout)) as bar:
            task = bar.add_task(str(batch), total=batch.order.quantity)
            while True:
                done = run_chunk(batch=batch)
                bar.update(task, completed=done.made + done.refused)
                if done.is_over:
                    break
        self.stdout.write(f"{done.made:,} cards ordered, {done.refused:,} rows without one")


def _product(options: dict[str, Any]) -> CardProduct:
    product = CardProduct.objects.filter(pk=options["product"]).first()
    if product is None:
        raise CommandError(f"There is no product {options['product']}.")
    return product


def _place(code: str) -> StockPlace:
    place = StockPlace.objects.filter(code=code).first()
    if place is None:
        raise CommandError(f"There is no place {code}.")
    return place
