"""`manage.py subsidy_batch`: check, upload and approve a payer's subsidy file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts.errors import SubsidyFileRefused
from accounts.models import SubsidyBatch
from accounts.services.subsidies import approve_subsidy_batch, upload_subsidy_file
from accounts.services.subsidy_check import check_subsidy_file
from citizencard.core.money import format_yuan
from citizencard.management.speaking import SpeakingCommand
from citizencard.management.tables import console, show_problems


class Command(SpeakingCommand):
    """Check, upload or approve."""

    help = (
        "Take a subsidy file (CSV, UTF-8 or GBK: first line batch number, payer, title, rows, total; then row, card or "
        "document number, amount in yuan). It is taken whole or not at all; the same file again is the same batch. With "
        "--approve, by another person than uploaded it, everything is paid out in one step."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("file", type=Path, metavar="FILE", help="the payer's file")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--dry-run", action="store_true", help="only list every bad row")
        what.add_argument("--approve", action="store_true", help="pay the uploaded file out; needs --checker")
        parser.add_argument("--maker", metavar="USER", help="who uploads, for the audit trail")
        parser.add_argument("--checker", metavar="USER", help="who approves, for the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the step asked for; what stands against it is a table or a sentence, and exit code 1."""
        content = options["file"].read_bytes()
        try:
            if options["dry_run"]:
                self._dry_run(content)
            elif options["approve"]:
                self._approve(content, options["checker"])
            else:
                self._upload(content, options["maker"])
        except SubsidyFileRefused as refusal:
            show_problems(self.stdout, refusal.data["problems"])
            raise CommandError(str(refusal)) from None

    def _dry_run(self, content: bytes) -> None:
        with console(self.stdout).status("checking every row …"):
            checked = check_subsidy_file(content)
        if checked.problems:
            raise SubsidyFileRefused(checked.problems)
        total = format_yuan(sum(line.amount_fen for line in checked.lines))
        self.stdout.write(f"{len(checked.lines):,} rows, {total} yuan: no problems, nothing taken")

    def _upload(self, content: bytes, maker: str | None) -> None:
        if not maker:
            raise CommandError("--maker says who uploads.")
        with console(self.stdout).status("checking every row …"):
            batch = upload_subsidy_file(content=content, maker=maker)
        self._say(batch)

    def _approve(self, content: bytes, checker: str | None) -> None:
        if not checker:
            raise CommandError("--checker says who approves.")
        batch = SubsidyBatch.objects.filter(sha256=hashlib.sha256(content).digest()).first()
        if batch is None:
            raise CommandError("This file has not been uploaded.")
        with console(self.stdout).status(f"paying {batch.count:,} rows …"):
            batch = approve_subsidy_batch(batch=batch, checker=checker, occurred_at=timezone.now())
        self._say(batch)

    def _say(self, batch: SubsidyBatch) -> None:
        total = format_yuan(batch.total_fen)
        self.stdout.write(
            f"batch {batch.number} {batch.title}: {batch.count:,} rows, {total} yuan, {batch.state}"
        )
