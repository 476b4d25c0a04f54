"""Loss reports 挂失: for now 口头挂失, which lapses by itself, or for good 正式挂失."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_fsm import FSMField, transition

from accounts.models import Card
from citizencard.core.states import StatefulModel
from terminals.models.field import HotListEntry


class LossReport(StatefulModel):
    """What a holder said about a card, and from when exactly it holds. `number` is what the holder is given to refer to.

    A report for now stands until `lapses_at`; one for good takes its place and has the same entry of the hot list, so that the
    promise runs from the first word. A card has one standing report. What was said never changes.
    """

    class Kind(models.TextChoices):
        TEMPORARY = "temporary", _("temporary loss report")
        FORMAL = "formal", _("formal loss report")

    class Channel(models.TextChoices):
        PORTAL = "portal", pgettext_lazy("loss report", "portal")
        COUNTER = "counter", pgettext_lazy("loss report", "counter")
        KIOSK = "kiosk", pgettext_lazy("loss report", "kiosk")
        PHONE = "phone", pgettext_lazy("loss report", "telephone")

    class State(models.TextChoices):
        STANDING = "standing", pgettext_lazy("loss report", "in force")
        FOUND = "found", pgettext_lazy("loss report", "card found")
        LAPSED = "lapsed", pgettext_lazy("loss report", "lapsed")
        FOLLOWED = "followed", pgettext_lazy("loss report", "made formal")

    number = models.CharField(_("reference number"), max_length=32, unique=True)
    card = models.ForeignKey(Card, models.PROTECT, related_name="losses", verbose_name=_("card"))
    entry = models.ForeignKey(HotListEntry, models.PROTECT, verbose_name=_("hot list entry"))
    kind = models.CharField(_("kind"), max_length=9, choices=Kind.choices)
    channel = models.CharField(_("reported by way of"), max_length=7, choices=Channel.choices)
    reason = models.CharField(_("reason"), max_length=100)
    reported_by = models.CharField(_("reported by"), max_length=150)
    effective_at = models.DateTimeField(_("effective at"))
    lapses_at = models.DateTimeField(_("lapses at"), null=True, blank=True)
    state = FSMField(_("state"), max_length=8, choices=State.choices, default=State.STANDING, protected=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("loss report")
        verbose_name_plural = _("loss reports")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["card"],
                condition=models.Q(state="standing"),
                name="one_standing_loss_report_per_card",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="temporary", lapses_at__gt=models.F("effective_at"))
                | models.Q(kind="formal", lapses_at=None, state__in=["standing", "found"]),
                name="only_a_temporary_loss_report_lapses",
            ),
            models.CheckConstraint(
                condition=models.Q(state="standing", ended_at=None)
                | ~models.Q(state="standing") & models.Q(ended_at__isnull=False),
                name="loss_report_ended_at_a_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["lapses_at"],
                condition=models.Q(state="standing", kind="temporary"),
                name="loss_report_to_lapse",
            )
        ]

    def __str__(self) -> str:
        return self.number

    @transition(field=state, source=State.STANDING, target=State.FOUND)
    def find(self) -> None:
        """The holder has the card again, or it was reported by mistake."""

    @transition(field=state, source=State.STANDING, target=State.LAPSED)
    def lapse(self) -> None:
        """Nobody reported it for good in time."""

    @transition(field=state, source=State.STANDING, target=State.FOLLOWED)
    def follow(self) -> None:
        """The same loss was reported for good."""
