"""Families: one citizen pays for another's card, and sees its balance if the other one agrees."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from accounts.models.people import Citizen
from citizencard.core.states import StatefulModel


class FamilyLink(StatefulModel):
    """`payer` may top up `member`'s cards: invited → active → ended. `sees_balance` is the member's to give and to take."""

    class State(models.TextChoices):
        INVITED = "invited", _("invited")
        ACTIVE = "active", _("active")
        ENDED = "ended", _("ended")

    payer = models.ForeignKey(Citizen, models.PROTECT, related_name="pays_for", verbose_name=_("payer"))
    member = models.ForeignKey(Citizen, models.PROTECT, related_name="paid_by", verbose_name=_("member"))
    state = FSMField(_("state"), choices=State.choices, default=State.INVITED, protected=True)
    sees_balance = models.BooleanField(_("payer sees the balance"), default=False)
    invited_at = models.DateTimeField(_("invited at"))
    joined_at = models.DateTimeField(_("joined at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("family link")
        verbose_name_plural = _("family links")
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(payer=models.F("member")), name="family_link_of_two_people"
            ),
            models.CheckConstraint(
                condition=models.Q(state="invited", joined_at=None, ended_at=None, sees_balance=False)
                | models.Q(state="active", joined_at__isnull=False, ended_at=None)
                | models.Q(state="ended", ended_at__isnull=False, sees_balance=False),
                name="family_link_state_has_its_facts",
            ),
            models.UniqueConstraint(
                fields=["payer", "member"],
                condition=models.Q(state__in=["invited", "active"]),
                name="one_live_family_link_per_pair",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.payer_id} → {self.member_id}"

    @transition(field=state, source=State.INVITED, target=State.ACTIVE)
    def join(self) -> None:
        """The member agrees."""

    @transition(field=state, source=[State.INVITED, State.ACTIVE], target=State.ENDED)
    def end(self) -> None:
        """Either of the two has had enough."""
