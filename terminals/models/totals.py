"""What a terminal says that its own journal holds: the first leg of the three-way reconciliation 三方对账."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, BigIntegerRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.utils.translation import gettext_lazy as _

from terminals.models.fleet import Terminal


class TerminalTotal(models.Model):
    """A terminal's daily settle 批结算: records and sum of its journal for a window of sequences. Append-only by trigger.

    The window is closed for good: its records are those from `from_seq` to `to_seq`, less the `unfinished`, whose end only their
    cards know. Windows of one terminal never overlap. `business_date` is the terminal's word for its day, Asia/Shanghai.
    """

    UNFINISHED_MAX = 100

    terminal = models.ForeignKey(Terminal, models.PROTECT, related_name="totals", verbose_name=_("terminal"))
    business_date = models.DateField(_("business date"), db_index=True)
    from_seq = models.BigIntegerField(_("first sequence"))
    to_seq = models.BigIntegerField(_("last sequence"))
    records = models.PositiveIntegerField(_("records"))
    total_fen = models.BigIntegerField(_("total (fen)"))
    unfinished = ArrayField(models.BigIntegerField(), verbose_name=_("sequences unfinished"), default=list)
    closed_at = models.DateTimeField(_("closed at"))
    received_at = models.DateTimeField(_("received at"), db_index=True)

    class Meta:
        verbose_name = _("terminal total")
        verbose_name_plural = _("terminal totals")
        default_permissions = ()
        constraints = [
            ExclusionConstraint(
                name="terminal_total_windows_apart",
                expressions=[
                    ("terminal", RangeOperators.EQUAL),
                    (
                        models.Func(
                            "from_seq",
                            "to_seq",
                            RangeBoundary(inclusive_upper=True),
                            function="int8range",
                            output_field=BigIntegerRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
            models.CheckConstraint(
                condition=models.Q(
                    from_seq__gte=0,
                    to_seq__gte=models.F("from_seq"),
                    total_fen__gte=0,
                    records__lte=models.F("to_seq") - models.F("from_seq") + 1,
                ),
                name="terminal_total_sane",
            ),
            models.CheckConstraint(
                condition=models.Q(records__gt=0) | models.Q(total_fen=0), name="terminal_total_of_records"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.terminal_id} {self.from_seq}–{self.to_seq}"
