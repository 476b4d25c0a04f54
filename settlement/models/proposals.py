"""Rules of settlement on their way: asked for by one person, put in force or refused by another."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from citizencard.core.states import StatefulModel


class Proposal(StatefulModel):
    """One rule that somebody wants in force: a contract, a year's calendar, a cut-off, tiers of adjustments, a clock of
    disputes.

    `content` is the rule as it was checked, personal data in it sealed. Rules in force name their proposal, so that each says who
    made it and who approved it; the database lets nobody be both.
    """

    class Kind(models.TextChoices):
        CONTRACT = "contract", _("contract")
        CALENDAR = "calendar", _("settlement calendar")
        CUT_OFF = "cut_off", _("cut-off time")
        ADJUSTMENTS = "adjustments", _("adjustment policy")
        DISPUTES = "disputes", _("dispute policy")

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("refused")

    kind = models.CharField(_("kind"), max_length=11, choices=Kind.choices)
    content = models.JSONField(_("content"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    state = FSMField(_("state"), max_length=8, choices=State.choices, default=State.PROPOSED, protected=True)
    maker = models.CharField(_("proposed by"), max_length=100)
    made_at = models.DateTimeField(_("proposed at"), db_default=Now(), editable=False)
    checker = models.CharField(_("checked by"), max_length=100, blank=True, default="", db_default="")
    checked_at = models.DateTimeField(_("checked at"), null=True, blank=True)
    answer = models.CharField(_("why refused"), max_length=200, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("settlement proposal")
        verbose_name_plural = _("settlement proposals")
        default_permissions = ("view",)
        permissions = [
            ("propose_rules", _("Propose contracts and other rules of settlement")),
            ("approve_rules", _("Approve or refuse rules of settlement that somebody else has proposed")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(maker=models.F("checker")), name="settlement_maker_is_not_checker"
            ),
            models.CheckConstraint(
                condition=models.Q(state="proposed", checker="", checked_at=None)
                | (
                    models.Q(state__in=["approved", "refused"], checked_at__isnull=False)
                    & ~models.Q(checker="")
                ),
                name="settlement_proposal_decided_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.get_kind_display()}"

    @transition(field=state, source=State.PROPOSED, target=State.APPROVED)
    def approve(self) -> None:
        """A second person puts it in force."""

    @transition(field=state, source=State.PROPOSED, target=State.REFUSED)
    def refuse(self) -> None:
        """A second person sends it back for good."""
