"""`manage.py verify_audit`: is the audit trail whole, and does it still hold what it held?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from citizencard.core.audit import Head, broken_entries, newest_head, still_holds
from citizencard.management.speaking import SpeakingCommand


class Command(SpeakingCommand):
    """Read the chain from its first entry and name every one that is not what it was; constant memory."""

    help = "Find every altered, removed, added or moved entry of the audit trail; with a head kept elsewhere also what was cut off."

    def add_arguments(self, parser: CommandParser) -> None:
        """The head of before, and where to write that of now."""
        parser.add_argument("--head", type=Path, metavar="FILE", help="a head written before, kept elsewhere")
        parser.add_argument(
            "--write-head", type=Path, metavar="FILE", help="write the head of now, to be kept elsewhere"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was found; exit 1 when anything is wrong."""
        head = _read(options["head"]) if options["head"] else None
        wrong = 0
        for position, entry in broken_entries():
            wrong += 1
            self.stdout.write(_("entry %(position)s (id %(id)s): %(entry)s") % {
                "position": position, "id": entry.pk, "entry": entry,
            })  # fmt: skip
        cut = head is not None and not still_holds(head)
        if cut:
            self.stdout.write(
                _("The head of before is not in the trail any more: entries were cut off or written anew.")
            )
        if wrong or cut:
            raise CommandError(
                _("The audit trail is not what it was; broken entries: %(count)s.") % {"count": wrong}
            )
        now = newest_head()
        if options["write_head"]:
            options["write_head"].write_text(json.dumps(now._asdict()) + "\n")
        self.stdout.write(
            _("%(count)s entries, whole. Head: %(hash)s") % {"count": now.position, "hash": now.hash}
        )


def _read(file: Path) -> Head:
    try:
        head = Head(**json.loads(file.read_text()))
        return Head(int(head.position), int(head.id), str(head.hash))
    except (ValueError, TypeError) as error:
        raise CommandError(_("%(file)s is no head of an audit trail.") % {"file": file}) from error
