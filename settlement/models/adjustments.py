"""Adjustments (调账) of what a merchant is owed: asked for by one, checked by others by amount, reversed only by another."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_fsm import FSMField, transition

from accounts.models import Chart
from citizencard.core.states import StatefulModel
from settlement.models.proposals import Proposal
from terminals.models import Merchant


class AdjustmentPolicy(models.Model):
    """Who has to check adjustments, by amount, from a date on. Append-only by trigger.

    `tiers` is a list of `{up_to_fen, roles}`, rising, the last one without end: each role of the first tier that reaches the
    amount has to check it, each by another person.
    """

    valid_from = models.DateField(_("valid from"), unique=True)
    tiers = models.JSONField(_("tiers"))
    legal_basis = models.CharField(_("legal basis"), max_length=200)
    proposal = models.OneToOneField(
        Proposal, models.PROTECT, related_name="adjustment_policy", verbose_name=_("settlement proposal")
    )

    class Meta:
        verbose_name = _("adjustment policy")
        verbose_name_plural = _("adjustment policies")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=~models.Q(legal_basis=""), name="adjustment_policy_says_why")
        ]

    def __str__(self) -> str:
        return str(self.valid_from)


class Adjustment(StatefulModel):
    """`amount_fen` more, or less where it is below zero, owed to a merchant, out of or into another account.

    `roles` are those that have to check it by the policy of the day it was asked for. Once posted it stands on the merchant's
    statement of `business_date`, beside the gross: it bears no fee. It is never changed; another one reverses it.
    """

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        POSTED = "posted", _("posted")
        REFUSED = "refused", _("refused")

    class Reason(models.TextChoices):
        FEE = "fee", pgettext_lazy("adjustment", "fee put right")
        SUSPENSE = "suspense", pgettext_lazy("adjustment", "suspense resolved")
        PENALTY = "penalty", pgettext_lazy("adjustment", "breach of contract")
        SYSTEM = "system", pgettext_lazy("adjustment", "fault of the system")
        REVERSAL = "reversal", pgettext_lazy("adjustment", "reversal of another adjustment")

    AGAINST = (Chart.FEE_INCOME, Chart.SUSPENSE_PAYABLE, Chart.SUSPENSE_RECEIVABLE, Chart.WRITE_OFF)
    """The accounts that may bear it."""

    merchant = models.ForeignKey(
        Merchant, models.PROTECT, related_name="adjustments", verbose_name=_("merchant")
    )
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    against = models.CharField(
        _("borne by account"), max_length=4, choices=[(each.value, each.label) for each in AGAINST]
    )
    reason = models.CharField(_("reason"), max_length=8, choices=Reason.choices)
    evidence = models.CharField(_("evidence"), max_length=100, help_text=_("number of the document on file"))
    roles = models.JSONField(_("to be checked by"))
    state = FSMField(_("state"), max_length=8, choices=State.choices, default=State.PROPOSED, protected=True)
    maker = models.CharField(_("proposed by"), max_length=100)
    made_at = models.DateTimeField(_("proposed at"), db_default=Now(), editable=False)
    answer = models.CharField(_("why refused"), max_length=200, blank=True, default="", db_default="")
    business_date = models.DateField(_("business date"), null=True, blank=True)
    policy = models.ForeignKey(AdjustmentPolicy, models.PROTECT, verbose_name=_("adjustment policy"))
    reverses = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="reversals",
        verbose_name=_("reverses"),
    )

    class Meta:
        verbose_name = _("adjustment")
        verbose_name_plural = _("adjustments")
        default_permissions = ("view",)
        permissions = [
            ("propose_adjustment", _("Propose adjustments")),
            ("check_adjustment", _("Check or refuse adjustments that somebody else has proposed")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(amount_fen=0)
                & ~models.Q(evidence="")
                & models.Q(against__in=["6001", "2241", "1221", "6711"]),
                name="adjustment_says_what_and_why",
            ),
            models.CheckConstraint(
                condition=models.Q(state="posted", business_date__isnull=False)
                | models.Q(state__in=["proposed", "refused"], business_date=None),
                name="adjustment_posted_on_a_date",
            ),
            models.CheckConstraint(
                condition=models.Q(reason="reversal", reverses__isnull=False)
                | (models.Q(reverses=None) & ~models.Q(reason="reversal")),
                name="adjustment_reversal_names_what",
            ),
            models.UniqueConstraint(
                fields=["reverses"],
                condition=models.Q(state__in=["proposed", "posted"]),
                name="adjustment_reversed_once",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @transition(field=state, source=State.PROPOSED, target=State.POSTED)
    def post(self) -> None:
        """Everybody who has to has checked it: it is in the ledger."""

    @transition(field=state, source=State.PROPOSED, target=State.REFUSED)
    def refuse(self) -> None:
        """Somebody who may check it sends it back for good."""


class AdjustmentCheck(models.Model):
    """One person's yes, in one of the roles asked for. Append-only by trigger; never by the maker, nobody twice."""

    adjustment = models.ForeignKey(
        Adjustment, models.PROTECT, related_name="checks", verbose_name=_("adjustment")
    )
    role = models.CharField(_("role"), max_length=20)
    checker = models.CharField(_("checked by"), max_length=100)
    checked_at = models.DateTimeField(_("checked at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("adjustment check")
        verbose_name_plural = _("adjustment checks")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["adjustment", "role"], name="adjustment_checked_once_per_role"),
            models.UniqueConstraint(fields=["adjustment", "checker"], name="adjustment_checked_once_each"),
        ]

    def __str__(self) -> str:
        return f"{self.adjustment_id}: {self.checker}"
