"""How far the clearing of a business date has come, as tables."""

from __future__ import annotations

from datetime import date

from django.utils.translation import gettext_lazy as _

from citizencard.office.tables import Table, at, columns
from settlement.models import ClearingPart
from settlement.selectors.runs import progress


def run_tables(day: date) -> list[Table]:
    """Each step with its parts, workers and seconds; and what keeps the date from being netted or sealed, if anything does."""
    return [_steps(day), *_broken(day)]


def _steps(day: date) -> Table:
    return Table(
        _("Steps"),
        [_("step"), _("parts done"), _("workers"), _("seconds"), _("not checkable"), _("finished at")],
        [
            [step.step.label, f"{step.done} / {step.parts}", step.workers, f"{step.seconds:.1f}", step.unchecked or "",
                at(step.finished_at)]
            for step in progress(day)
        ],
        columns(1, 2, 3, 4),
    )  # fmt: skip


def _broken(day: date) -> list[Table]:
    findings = ClearingPart.objects.filter(run_id=day).exclude(findings=[]).order_by("name")
    rows = [[part.name, finding] for part in findings for finding in part.findings]
    return [Table(_("Rules that do not hold"), [_("check"), _("what was found")], rows)] if rows else []
