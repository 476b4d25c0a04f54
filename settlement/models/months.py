"""Closed months 月结: asked for by one person, approved by another, final; with every report as it was then."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from citizencard.core.two_people import MadeAndChecked


class MonthClose(MadeAndChecked):
    """The closing of one month, named by its first day. A closed month never opens again; a refused closing may be asked for anew.

    The database closes only a month whose dates are all sealed, rolled up and reconciled with the bank, by two people.
    """

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        CLOSED = "closed", _("closed")
        REFUSED = "refused", _("refused")

    month = models.DateField(_("month"))
    state = FSMField(_("state"), max_length=8, choices=State.choices, default=State.PROPOSED, protected=True)

    class Meta(MadeAndChecked.Meta):
        verbose_name = _("closing of a month")
        verbose_name_plural = _("closings of months")
        default_permissions = ("view",)
        permissions = [
            ("propose_monthclose", _("Propose to close a month")),
            (
                "approve_monthclose",
                _("Close a month for good, or refuse to, that somebody else has proposed"),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["month"],
                condition=models.Q(state__in=["proposed", "closed"]),
                name="month_closed_once",
            ),
            models.CheckConstraint(condition=models.Q(month__day=1), name="month_by_its_first_day"),
            models.CheckConstraint(
                condition=models.Q(state="proposed", checker="", checked_at=None)
                | models.Q(state__in=["closed", "refused"], checker__gt="", checked_at__isnull=False)
                & ~models.Q(checker=models.F("maker")),
                name="month_close_checked_by_another",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"

    @transition(field=state, source=State.PROPOSED, target=State.CLOSED)
    def close(self) -> None:
        """A second person agrees: nothing of the month changes any more."""

    @transition(field=state, source=State.PROPOSED, target=State.REFUSED)
    def refuse(self) -> None:
        """A second person does not agree."""


class MonthReport(models.Model):
    """A report of a month as it was when the month was closed. Append-only by trigger.

    `content` is the report in canonical form, from which its files are made the same at any time; `digest` is its SHA-256.
    """

    close = models.ForeignKey(
        MonthClose, models.PROTECT, related_name="reports", verbose_name=_("closing of a month")
    )
    code = models.CharField(_("report"), max_length=20)
    content = models.BinaryField(_("content"))
    digest = models.BinaryField(_("SHA-256"), max_length=32)

    class Meta:
        verbose_name = _("report of a closed month")
        verbose_name_plural = _("reports of closed months")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["close", "code"], name="month_report_once")]

    def __str__(self) -> str:
        return f"{self.close_id} {self.code}"
