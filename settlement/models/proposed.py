"""Rows that one person makes and another approves."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from citizencard.core.states import StatefulModel


class Proposed(StatefulModel):
    """A dated rule or a payee: nothing of it changes but the decision, and the database wants another person for that."""

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("refused")

    DECISION = ("state", "checker", "checked_at")
    """What deciding writes; nothing else of a row ever changes."""

    valid_from = models.DateField(_("valid from"))
    legal_basis = models.CharField(_("legal basis"), max_length=200)
    state = FSMField(_("state"), choices=State.choices, default=State.PROPOSED, protected=True)
    maker = models.CharField(_("maker"), max_length=100)
    made_at = models.DateTimeField(_("made at"), auto_now_add=True)
    checker = models.CharField(_("checked by"), max_length=100, blank=True)
    checked_at = models.DateTimeField(_("checked at"), null=True, blank=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="proposed", checker="", checked_at=None)
                | models.Q(state__in=["approved", "refused"], checker__gt="", checked_at__isnull=False)
                & ~models.Q(checker=models.F("maker")),
                name="%(class)s_checked_by_another",
            ),
            models.CheckConstraint(condition=models.Q(legal_basis__gt=""), name="%(class)s_has_a_basis"),
        ]

    @transition(field=state, source=State.PROPOSED, target=State.APPROVED)
    def approve(self) -> None:
        """A second person agrees: it is in force from `valid_from`."""

    @transition(field=state, source=State.PROPOSED, target=State.REFUSED)
    def refuse(self) -> None:
        """A second person does not agree."""
