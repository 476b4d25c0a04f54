"""A holder objects to a card's being on the hot list: by when somebody decides, and what came of it."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_fsm import FSMField, transition

from accounts.models import Citizen, Compensation
from citizencard.core.states import StatefulModel
from terminals.models.field import HotListEntry


class AppealPolicy(models.Model):
    """How fast an appeal is decided, and what a wrong entry on the list is made good with. Dated, append-only by trigger."""

    valid_from = models.DateField(_("valid from"), unique=True)
    decide_days = models.PositiveSmallIntegerField(_("days to decide"))
    compensation_fen = models.BigIntegerField(_("compensation (fen)"))
    legal_basis = models.CharField(_("legal basis"), max_length=200)

    class Meta:
        verbose_name = _("appeal policy")
        verbose_name_plural = _("appeal policies")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=models.Q(compensation_fen__gte=0) & ~models.Q(legal_basis=""),
                name="appeal_policy_says_what_and_why",
            )
        ]

    def __str__(self) -> str:
        return f"{self.valid_from}"


class HotListAppeal(StatefulModel):
    """One objection to one entry: open, then granted or refused by another person than the one who listed the card.

    `number` is the tracking number. A granted one takes the card off the list at once; `compensation` is the note.
    """

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("appeal", "to be decided")
        GRANTED = "granted", pgettext_lazy("appeal", "granted")
        REFUSED = "refused", pgettext_lazy("appeal", "refused")

    number = models.CharField(_("tracking number"), max_length=32, unique=True)
    entry = models.ForeignKey(
        HotListEntry, models.PROTECT, related_name="appeals", verbose_name=_("hot list entry")
    )
    citizen = models.ForeignKey(Citizen, models.PROTECT, related_name="appeals", verbose_name=_("citizen"))
    policy = models.ForeignKey(AppealPolicy, models.PROTECT, verbose_name=_("policy"))
    statement = models.CharField(_("what the holder says"), max_length=500, blank=True)
    filed_at = models.DateTimeField(_("filed at"))
    due_on = models.DateField(_("decided by (date)"))
    state = FSMField(_("state"), choices=State.choices, default=State.OPEN, protected=True)
    decided_by = models.CharField(_("decided by"), max_length=100, blank=True, default="")
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    decision_reason = models.CharField(_("reason of the decision"), max_length=200, blank=True, default="")
    compensation = models.OneToOneField(
        Compensation, models.PROTECT, null=True, blank=True, verbose_name=_("compensation")
    )

    class Meta:
        verbose_name = _("appeal")
        verbose_name_plural = _("appeals")
        default_permissions = ("view",)
        permissions = [("decide_hotlistappeal", _("Decide appeals against the hot list"))]
        constraints = [
            models.UniqueConstraint(fields=["entry"], name="one_appeal_per_entry"),
            models.CheckConstraint(
                condition=models.Q(state="open", decided_at=None, decided_by="", decision_reason="")
                | models.Q(state__in=["granted", "refused"], decided_at__isnull=False)
                & ~models.Q(decided_by="")
                & ~models.Q(decision_reason=""),
                name="appeal_decided_by_somebody_for_a_reason",
            ),
            models.CheckConstraint(
                condition=models.Q(compensation=None) | models.Q(state="granted"),
                name="appeal_compensated_when_granted",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @transition(field=state, source=State.OPEN, target=State.GRANTED)
    def grant(self, decider: str, reason: str, at: datetime) -> None:
        """The card should not have been on the list."""
        self.decided_by, self.decision_reason, self.decided_at = decider, reason, at

    @transition(field=state, source=State.OPEN, target=State.REFUSED)
    def refuse(self, decider: str, reason: str, at: datetime) -> None:
        """The card stays on the list."""
        self.decided_by, self.decision_reason, self.decided_at = decider, reason, at
