"""Purchases that nobody was paid for at once: how those of lost cards ended, and listings that were a mistake."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Journal, LedgerAccount
from terminals.models.field import HotListEntry
from terminals.models.published import HotListPolicy


class HeldResolution(models.Model):
    """Who bears a purchase made with a lost card, by which rule, and the times it was judged by. Append-only by trigger.

    Until `promised_at` the holder bears it. Later it is the operator's if its terminal could have had the list for the
    policy's grace, else the centre's; the value then goes back to `returned_to`. A card that was found, or listed by
    mistake, pays what it paid.
    """

    class Party(models.TextChoices):
        HOLDER = "holder", _("the holder")
        OPERATOR = "operator", _("the operator")
        CENTRE = "centre", _("the centre")

    class Rule(models.TextChoices):
        WITHIN_PROMISE = "within_promise", _("paid before the promise was due")
        FOUND = "found", _("the card was found, or listed by mistake")
        NOT_APPLIED = "not_applied", _("the terminal did not apply a list that it could have had")
        NOT_PUBLISHED = "not_published", _("the centre published the list too late")

    tap_id = models.BigIntegerField(_("tap"), primary_key=True)
    business_date = models.DateField(_("business date of the tap"))
    party = models.CharField(_("borne by"), max_length=8, choices=Party.choices)
    rule = models.CharField(_("rule"), max_length=14, choices=Rule.choices)
    entry = models.ForeignKey(HotListEntry, models.PROTECT, verbose_name=_("hot list entry"))
    policy = models.ForeignKey(HotListPolicy, models.PROTECT, verbose_name=_("policy"))
    occurred_at = models.DateTimeField(_("occurred at"))
    reported_at = models.DateTimeField(_("reported at"))
    promised_at = models.DateTimeField(_("promise due at"))
    published_at = models.DateTimeField(_("published at"), null=True)
    applied_at = models.DateTimeField(_("applied by the terminal at"), null=True)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    payable = models.ForeignKey(LedgerAccount, models.PROTECT, related_name="+", verbose_name=_("merchant"))
    returned_to = models.ForeignKey(
        LedgerAccount, models.PROTECT, null=True, related_name="+", verbose_name=_("returned to")
    )
    journal = models.ForeignKey(Journal, models.PROTECT, null=True, verbose_name=_("journal"))
    decided_at = models.DateTimeField(_("decided at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("held purchase, decided")
        verbose_name_plural = _("held purchases, decided")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    party="holder", rule="within_promise", occurred_at__lt=models.F("promised_at")
                )
                | models.Q(party="holder", rule="found")
                | models.Q(party="operator", rule="not_applied", occurred_at__gte=models.F("promised_at"))
                & models.Q(published_at__isnull=False)
                | models.Q(party="centre", rule="not_published", occurred_at__gte=models.F("promised_at")),
                name="held_resolution_follows_its_rule",
            ),
            models.CheckConstraint(
                condition=models.Q(party="holder", returned_to=None)
                | ~models.Q(party="holder") & models.Q(returned_to__isnull=False),
                name="held_resolution_returns_what_the_holder_does_not_bear",
            ),
            models.CheckConstraint(
                condition=models.Q(amount_fen=0, journal=None)
                | models.Q(amount_fen__gt=0, journal__isnull=False),
                name="held_resolution_is_posted",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.tap_id} {self.party}"


class HotListRemoval(models.Model):
    """A listing that was a mistake: one person says so, another one takes the card off the list."""

    entry = models.OneToOneField(
        HotListEntry, models.PROTECT, related_name="removal", verbose_name=_("hot list entry")
    )
    reason = models.CharField(_("reason"), max_length=200)
    maker = models.CharField(_("made by"), max_length=150)
    made_at = models.DateTimeField(_("made at"), db_default=Now(), editable=False)
    checker = models.CharField(_("approved by"), max_length=150, blank=True)
    approved_at = models.DateTimeField(_("approved at"), null=True)

    class Meta:
        verbose_name = _("removal from the hot list")
        verbose_name_plural = _("removals from the hot list")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=models.Q(approved_at=None, checker="")
                | models.Q(approved_at__isnull=False)
                & ~models.Q(checker="")
                & ~models.Q(checker=models.F("maker")),
                name="hot_list_removal_by_two",
            )
        ]

    def __str__(self) -> str:
        return str(self.entry)
