"""`manage.py retention`: what is kept for how long, and what is over its time."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from rich.table import Table

from citizencard.management.speaking import SpeakingCommand
from citizencard.management.tables import console
from citizencard.privacy.models import PrivacyRule
from citizencard.privacy.selectors.retention import KINDS, due
from citizencard.privacy.services.retention import apply_retention


class Command(SpeakingCommand):
    """List, and remove unless told otherwise. Repeating removes nothing twice."""

    help = (
        "List what rules about personal data remove, and how many rows are over their time or held; then remove them, as every "
        "night. With --dry-run list only. Without an approved rule nothing is removed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("--dry-run", action="store_true", help="remove nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the table of before, then what was removed."""
        now = timezone.now()
        table = Table(_("kind"), _("days"), _("over its time"), _("on hold"))
        for subject in KINDS:
            found = due(subject, now=now)
            days = str(found.rule.days) if found.rule else _("no rule")
            label = str(PrivacyRule.Subject(subject).label)
            table.add_row(label, days, str(found.rows.count()), str(found.held.count()))
        console(self.stdout).print(table)
        if not options["dry_run"]:
            removed = sum(apply_retention(now=now).values())
            self.stdout.write(_("%(count)s rows removed.") % {"count": removed})
