"""Cash drawers: who answers for which cash from when to when, what moved it, and what was counted in it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q, Sum
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_fsm import FSMField, transition

from accounts.models.ledger import Journal
from accounts.models.stock import StockPlace
from citizencard.core.states import StatefulModel
from citizencard.core.two_people import Proposed


class DrawerSession(StatefulModel):
    """A clerk's drawer, from the float to the count that a second person confirms. A clerk has one open at a time.

    The float is the hall's own change money 备用金, none of the card holders': it is no money of the ledger.
    """

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("drawer", "open")
        COUNTED = "counted", pgettext_lazy("drawer", "counted")
        CLOSED = "closed", pgettext_lazy("drawer", "closed")

    clerk = models.CharField(_("clerk"), max_length=100)
    hall = models.ForeignKey(
        StockPlace, models.PROTECT, related_name="drawers", verbose_name=_("service hall")
    )
    float_fen = models.BigIntegerField(_("float (fen)"))
    opened_at = models.DateTimeField(_("opened at"))
    counted_at = models.DateTimeField(_("counted at"), null=True, blank=True)
    state = FSMField(_("state"), max_length=7, choices=State.choices, default=State.OPEN, protected=True)

    class Meta:
        verbose_name = _("cash drawer")
        verbose_name_plural = _("cash drawers")
        constraints = [
            models.UniqueConstraint(
                fields=["clerk"], condition=Q(state="open"), name="one_open_drawer_per_clerk"
            ),
            models.CheckConstraint(condition=Q(float_fen__gte=0), name="drawer_float_not_negative"),
            models.CheckConstraint(
                condition=Q(state="open", counted_at=None)
                | Q(state__in=["counted", "closed"], counted_at__gte=F("opened_at")),
                name="drawer_open_until_counted",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.clerk} #{self.pk}"

    @property
    def moved_fen(self) -> int:
        """What came in less what went out since it was opened."""
        return int(self.entries.aggregate(fen=Sum("amount_fen", default=0))["fen"])

    @transition(field=state, source=[State.OPEN, State.COUNTED], target=State.COUNTED)
    def count(self) -> None:
        """Its cash is counted: it takes and gives nothing more."""

    @transition(field=state, source=State.COUNTED, target=State.CLOSED)
    def close(self) -> None:
        """A second person has confirmed the count and taken the cash over."""


class DrawerEntry(models.Model):
    """What one journal put into (positive) or took out of (negative) a drawer. Append-only by trigger."""

    session = models.ForeignKey(
        DrawerSession, models.PROTECT, related_name="entries", verbose_name=_("cash drawer")
    )
    journal = models.OneToOneField(
        Journal, models.PROTECT, related_name="drawer_entry", verbose_name=_("journal")
    )
    amount_fen = models.BigIntegerField(_("amount (fen)"))

    class Meta:
        verbose_name = _("drawer entry")
        verbose_name_plural = _("drawer entries")
        constraints = [models.CheckConstraint(condition=~Q(amount_fen=0), name="drawer_entry_moves_cash")]

    def __str__(self) -> str:
        return f"{self.session_id} {self.journal_id}"


class DrawerCount(Proposed):
    """What the clerk counted, before being told what should be there; a second person confirms it, or has it counted again.

    `pieces` is how many there were of each note and coin, by its worth in fen.
    """

    session = models.ForeignKey(
        DrawerSession, models.PROTECT, related_name="counts", verbose_name=_("cash drawer")
    )
    pieces = models.JSONField(_("notes and coins"))
    counted_fen = models.BigIntegerField(_("counted (fen)"))
    expected_fen = models.BigIntegerField(_("expected (fen)"))
    difference_fen = models.GeneratedField(
        expression=F("counted_fen") - F("expected_fen"),
        output_field=models.BigIntegerField(),
        db_persist=True,
        verbose_name=_("over or short (fen)"),
    )

    class Meta(Proposed.Meta):
        abstract = False
        verbose_name = _("count of a drawer")
        verbose_name_plural = _("counts of drawers")
        constraints = [
            *Proposed.Meta.constraints,
            models.CheckConstraint(condition=Q(counted_fen__gte=0), name="drawer_count_not_negative"),
            models.UniqueConstraint(
                fields=["session"],
                condition=Q(state__in=["proposed", "approved"]),
                name="drawer_counted_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.maker} #{self.session_id}-{self.pk}"
