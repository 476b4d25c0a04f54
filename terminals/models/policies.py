"""Policies of the field on their way: asked for by one person, put in force or refused by another."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from citizencard.core.states import StatefulModel


class PolicyProposal(StatefulModel):
    """One dated policy that somebody wants in force, as `content` for the service that publishes its kind.

    Decided once, by trigger; the database lets nobody be maker and checker.
    """

    class Kind(models.TextChoices):
        PARAMETERS = "parameters", _("terminal parameters")
        HOT_LIST = "hot_list", _("hot list policy")
        ACCEPTANCE = "acceptance", _("acceptance policy")
        RETURN = "return", _("return policy")
        RISK = "risk", _("risk parameters")
        APPEAL = "appeal", _("appeal policy")

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("refused")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    content = models.JSONField(_("content"))
    state = FSMField(_("state"), max_length=8, choices=State.choices, default=State.PROPOSED, protected=True)
    maker = models.CharField(_("proposed by"), max_length=150)
    made_at = models.DateTimeField(_("proposed at"), db_default=Now(), editable=False)
    checker = models.CharField(_("checked by"), max_length=150, blank=True, default="", db_default="")
    checked_at = models.DateTimeField(_("checked at"), null=True, blank=True)
    answer = models.CharField(_("why refused"), max_length=200, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("proposed policy")
        verbose_name_plural = _("proposed policies")
        default_permissions = ("view",)
        permissions = [
            ("propose_policy", _("Propose policies of terminals, returns, risk and objections")),
            ("approve_policy", _("Approve or refuse policies that somebody else has proposed")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(maker=models.F("checker")), name="policy_maker_is_not_checker"
            ),
            models.CheckConstraint(
                condition=models.Q(state="proposed", checker="", checked_at=None)
                | models.Q(state__in=["approved", "refused"], checked_at__isnull=False)
                & ~models.Q(checker=""),
                name="policy_proposal_decided_by_somebody",
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
