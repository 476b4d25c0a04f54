"""`manage.py verify_audit`: is the audit trail whole, and does it still hold what it held?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from citizencard.core.audit import Head, broken_entries, newest_head, still_holds
from citizencard.core.audit_heads import broken_heads
from citizencard.core.models import AuditHead
from citizencard.management.speaking import SpeakingCommand


class Command(SpeakingCommand):
    """Read the chain from its first entry and name every one that is not what it was, then the signed heads; constant memory."""

    help = "Find every altered, removed, added or moved entry of the audit trail; with heads kept elsewhere also what was cut off."

    def add_arguments(self, parser: CommandParser) -> None:
        """The heads of before, and where to write those of now."""
        parser.add_argument(
            "--head", type=Path, metavar="FILE", help="heads written before, one a line, kept elsewhere"
        )
        parser.add_argument(
            "--write-head", type=Path, metavar="FILE", help="write the head of now, to be kept elsewhere"
        )
        parser.add_argument(
            "--write-signed",
            type=Path,
            metavar="FILE",
            help="write the signed head of every date, one a line",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was found; exit 1 when anything is wrong."""
        kept = _read(options["head"]) if options["head"] else []
        wrong = 0
        for position, entry in broken_entries():
            wrong += 1
            self.stdout.write(_("entry %(position)s (id %(id)s): %(entry)s") % {
                "position": position, "id": entry.pk, "entry": entry,
            })  # fmt: skip
        for head, fault in broken_heads():
            wrong += 1
            self.stdout.write(_("signed head of %(date)s: %(fault)s") % {"date": head, "fault": fault})
        cut = [head for head in kept if not still_holds(head)]
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
        if options["write_signed"]:
            lines = (f"{head.line}\n" for head in AuditHead.objects.order_by("date"))
            options["write_signed"].write_text("".join(lines))
        self.stdout.write(
            _("%(count)s entries, whole. Head: %(hash)s") % {"count": now.position, "hash": now.hash}
        )
        self.stdout.write(_last_signed())


def _last_signed() -> str:
    newest = AuditHead.objects.order_by("-date").first()
    if newest is None:
        return _("No head is signed yet.")
    return _("The newest signed head is of %(date)s.") % {"date": newest}


def _read(file: Path) -> list[Head]:
    try:
        return list(_heads(file.read_text()))
    except (ValueError, TypeError, KeyError) as error:
        raise CommandError(_("%(file)s is no head of an audit trail.") % {"file": file}) from error


def _heads(text: str) -> Iterator[Head]:
    for line in text.splitlines():
        content = json.loads(line)
        yield Head(int(content["position"]), int(content["id"]), str(content["hash"]))
