"""What waits for two people: what one proposes for a held purchase or a claim, and everything that still waits."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from accounts.models import Card
from citizencard.core.two_people import MadeAndChecked
from terminals.models.field import Merchant
from terminals.models.fleet import Terminal


class HeldKind(models.TextChoices):
    """Whether money waits to be given to somebody (2241), or to be got from somebody (1221)."""

    PURCHASE = "purchase", _("held purchase")
    CLAIM = "claim", _("claim beyond the balance")


class HeldProposal(MadeAndChecked):
    """What one person wants done with a held purchase, or that a claim be written off; another one approves or rejects it.

    `subject_id` is the tap's id, or that of the claim's transfer. Of a purchase the merchant gets `paid_fen`, the rest goes
    back. One that nobody decides in time lapses with its purchase.
    """

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")
        LAPSED = "lapsed", _("not decided in time")

    what = models.CharField(_("what"), max_length=8, choices=HeldKind.choices)
    subject_id = models.BigIntegerField(_("tap or claim"))
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    paid_fen = models.BigIntegerField(_("to the merchant (fen)"), null=True)
    reason = models.CharField(_("reason"), max_length=200)
    state = FSMField(_("state"), max_length=8, choices=State.choices, default=State.PROPOSED, protected=True)

    class Meta(MadeAndChecked.Meta):
        verbose_name = _("proposal for a held purchase")
        verbose_name_plural = _("proposals for held purchases")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["what", "subject_id"],
                condition=models.Q(state__in=["proposed", "approved"]),
                name="held_proposal_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=~models.Q(maker=models.F("checker")), name="held_maker_is_not_checker"
            ),
            models.CheckConstraint(
                condition=models.Q(what="purchase", paid_fen__isnull=False, paid_fen__gte=0)
                & models.Q(paid_fen__lte=models.F("amount_fen"))
                | models.Q(what="claim", paid_fen=None),
                name="held_proposal_within_the_purchase",
            ),
            models.CheckConstraint(
                condition=models.Q(state="proposed", checker="", checked_at=None)
                | models.Q(state="lapsed", checker="", checked_at__isnull=False)
                | models.Q(state__in=["approved", "rejected"], checked_at__isnull=False)
                & ~models.Q(checker=""),
                name="held_proposal_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=~models.Q(reason="")
                & ~models.Q(maker="")
                & (~models.Q(state="rejected") | ~models.Q(answer="")),
                name="held_proposal_says_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.what} #{self.subject_id}"

    @transition(field=state, source=State.PROPOSED, target=State.APPROVED)
    def approve(self) -> None:
        """A second person lets it be done."""

    @transition(field=state, source=State.PROPOSED, target=State.REJECTED)
    def reject(self) -> None:
        """A second person does not; the purchase waits on."""


class WaitingPurchase(models.Model):
    """Everything that waits, one line each: held purchases without a decision, and claims that nobody has paid. A view.

    `owner` is the role of the office that has to see to it; `due_at` when it is given back undecided, None where no policy
    says so; `place` where the value of a purchase came from.
    """

    class Cause(models.TextChoices):
        HOT_LISTED = "hot_listed", _("card on the hot list")
        COUNTER_CONFLICT = "counter_conflict", _("counter used for another purchase")
        OVER_BALANCE = "over_balance", _("beyond the balance")
        OVER_LIMIT = "over_limit", _("beyond the limit for one purchase")
        OVER_PRICE = "over_price", _("above the terminal's tariff")
        LATE = "late", _("came too late")
        KEY_UNUSABLE = "key_unusable", _("key version out of use")
        CARD_NOT_ACTIVE = "card_not_active", _("card not activated yet")
        GREY = "grey", _("purchase without proof, settled on evidence")
        RIDE = "ride", _("ride by code beyond the balance")

    class Owner(models.TextChoices):
        FINANCE = "finance", _("Finance")
        SUPERVISOR = "supervisor", _("Supervisor")

    key = models.CharField(_("number"), max_length=30, primary_key=True)
    what = models.CharField(_("what"), max_length=8, choices=HeldKind.choices)
    subject_id = models.BigIntegerField(_("tap or claim"))
    cause = models.CharField(_("reason"), max_length=16, choices=Cause.choices)
    business_date = models.DateField(_("business date"))
    terminal = models.ForeignKey(
        Terminal, models.DO_NOTHING, db_constraint=False, related_name="+", verbose_name=_("terminal")
    )
    merchant = models.ForeignKey(
        Merchant, models.DO_NOTHING, db_constraint=False, related_name="+", verbose_name=_("merchant")
    )
    card = models.ForeignKey(
        Card, models.DO_NOTHING, db_constraint=False, related_name="+", verbose_name=_("card")
    )
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    occurred_at = models.DateTimeField(_("occurred at"))
    since = models.DateTimeField(_("waits since"))
    due_at = models.DateTimeField(_("to be decided by"), null=True)
    owner = models.CharField(_("owner"), max_length=10, choices=Owner.choices)
    proposal = models.ForeignKey(
        HeldProposal,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        related_name="+",
        verbose_name=_("proposal"),
    )

    class Meta:
        managed = False
        db_table = "terminals_waiting"
        default_permissions = ("view",)
        permissions = [
            ("propose_held", _("Propose what becomes of a held purchase or a claim")),
            ("approve_held", _("Approve or reject what somebody else has proposed for it")),
        ]
        verbose_name = _("purchase to be decided")
        verbose_name_plural = _("purchases to be decided")

    def __str__(self) -> str:
        return f"{self.get_what_display()} {self.subject_id}"
