"""`manage.py breach_list`: whose data were seen in a time, for the report of a breach."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from accounts.models import DataAccess
from citizencard.core.audit import record_audit
from citizencard.core.calendar import SHANGHAI, shanghai
from citizencard.management.speaking import SpeakingCommand
from citizencard.privacy.selectors.breaches import affected_people
from settlement.exports.csv_file import safe


class Command(SpeakingCommand):
    """Write the list as CSV, masked: the record's id, mask, first and last look, how often, which data. Audited."""

    help = (
        "List the people whose data were seen in clear between two moments, from the access diary, as CSV. A report to the authorities is due "
        "within an hour of noticing; who has to be told stands in this list."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument(
            "since", type=_moment, metavar="FROM", help="ISO 8601; without an offset city time"
        )
        parser.add_argument("until", type=_moment, metavar="TO", help="up to before this moment")
        parser.add_argument(
            "--actor", action="append", default=[], help="only what this login has seen; may be repeated"
        )
        parser.add_argument(
            "--field",
            action="append",
            default=[],
            choices=DataAccess.Field.values,
            help="only these data; may be repeated",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write one line a person, and how many there are."""
        since, until, actors, fields = (options[name] for name in ("since", "until", "actor", "field"))
        if since >= until:
            raise CommandError(_("The time ends before it begins."))
        people = list(affected_people(since=since, until=until, actors=actors, fields=fields))
        detail = {"since": since, "until": until, "actors": actors, "fields": fields, "people": len(people)}
        record_audit(
            actor="breach_list", action="privacy.breach_list", subject="personal_data", detail=detail
        )
        writer = csv.writer(self.stdout, lineterminator="\n")
        writer.writerow(["citizen", "mask", "first", "last", "looks", "fields"])
        for each in people:
            times = [shanghai(moment).isoformat(timespec="seconds") for moment in (each.first, each.last)]
            writer.writerow(
                safe([str(each.citizen_id), each.mask, *times, each.looks, " ".join(sorted(each.fields))])
            )
        self.stderr.write(_("%(count)s people.") % {"count": len(people)})


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)).astimezone(UTC)
