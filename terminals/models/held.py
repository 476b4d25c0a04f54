"""How purchases ended that nobody was paid for at once, how claims did, and listings that were a mistake."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Journal, LedgerAccount, TopUpOrder
from terminals.models.acceptance import Tap
from terminals.models.acceptance_policy import AcceptancePolicy
from terminals.models.field import HotListEntry
from terminals.models.proposals import HeldProposal
from terminals.models.published import HotListPolicy

_LISTED = models.Q(
    outcome=Tap.Outcome.HOT_LISTED,
    entry__isnull=False,
    policy__isnull=False,
    reported_at__isnull=False,
    promised_at__isnull=False,
    terms=None,
    proposal=None,
)
_NOT_LISTED = models.Q(
    entry=None, policy=None, reported_at=None, promised_at=None, published_at=None, applied_at=None
)
_NOT_CHARGED = models.Q(party="operator", paid_fen=0)


class HeldResolution(models.Model):
    """How a held purchase ended: who bears it, by which rule, and what it was judged by. Append-only by trigger.

    `paid_fen` of it went to the merchant, the rest back to `returned_to`. A purchase with a lost card is the holder's until
    `promised_at`; later it is the operator's if its terminal could have had the list for the policy's grace, else the
    centre's. A card that was found, or listed by mistake, pays what it paid, and so does one that its holder has activated
    since. Others are decided by two people (`proposal`), or come too late by the acceptance policy of their date (`terms`).
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
        ACTIVATED = "activated", _("the holder has activated the card")
        LATE = "late", _("came too late to be charged")
        NOT_DECIDED = "not_decided", _("not decided in time")
        DECIDED = "decided", _("decided by two people")

    tap_id = models.BigIntegerField(_("tap"), primary_key=True)
    business_date = models.DateField(_("business date of the tap"))
    outcome = models.SmallIntegerField(_("outcome"), choices=Tap.Outcome.choices)
    party = models.CharField(_("borne by"), max_length=8, choices=Party.choices)
    rule = models.CharField(_("rule"), max_length=14, choices=Rule.choices)
    entry = models.ForeignKey(HotListEntry, models.PROTECT, null=True, verbose_name=_("hot list entry"))
    policy = models.ForeignKey(HotListPolicy, models.PROTECT, null=True, verbose_name=_("policy"))
    terms = models.ForeignKey(
        AcceptancePolicy, models.PROTECT, null=True, verbose_name=_("acceptance policy")
    )
    proposal = models.OneToOneField(
        HeldProposal, models.PROTECT, null=True, related_name="resolution", verbose_name=_("proposal")
    )
    occurred_at = models.DateTimeField(_("occurred at"))
    reported_at = models.DateTimeField(_("reported at"), null=True)
    promised_at = models.DateTimeField(_("promise due at"), null=True)
    published_at = models.DateTimeField(_("published at"), null=True)
    applied_at = models.DateTimeField(_("applied by the terminal at"), null=True)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    paid_fen = models.BigIntegerField(_("paid to the merchant (fen)"))
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
                condition=_LISTED
                & (
                    models.Q(party="holder", rule="within_promise", occurred_at__lt=models.F("promised_at"))
                    | models.Q(party="holder", rule="found")
                    | models.Q(party="operator", rule="not_applied", occurred_at__gte=models.F("promised_at"))
                    & models.Q(published_at__isnull=False)
                    | models.Q(party="centre", rule="not_published", occurred_at__gte=models.F("promised_at"))
                )
                | _NOT_LISTED
                & _NOT_CHARGED
                & models.Q(terms__isnull=False, proposal=None)
                & (
                    models.Q(rule="late", outcome=Tap.Outcome.LATE)
                    | models.Q(rule="not_decided", outcome__in=[3, 5, 6, 8, 9])
                )
                | _NOT_LISTED
                & models.Q(
                    rule="activated",
                    outcome=Tap.Outcome.CARD_NOT_ACTIVE,
                    party="holder",
                    terms=None,
                    proposal=None,
                )
                | _NOT_LISTED
                & models.Q(
                    rule="decided", terms=None, proposal__isnull=False, party__in=["holder", "operator"]
                )
                & ~models.Q(outcome__in=[Tap.Outcome.ACCEPTED, Tap.Outcome.OVER_BALANCE]),
                name="held_resolution_follows_its_rule",
            ),
            models.CheckConstraint(
                condition=models.Q(party="holder", returned_to=None)
                | ~models.Q(party="holder") & models.Q(returned_to__isnull=False),
                name="held_resolution_returns_what_the_holder_does_not_bear",
            ),
            models.CheckConstraint(
                condition=models.Q(party="holder", paid_fen=models.F("amount_fen"))
                | models.Q(party="operator", paid_fen__gte=0, paid_fen__lt=models.F("amount_fen"))
                | models.Q(party__in=["operator", "centre"], paid_fen=0),
                name="held_resolution_pays_what_the_holder_bears",
            ),
            models.CheckConstraint(
                condition=models.Q(amount_fen=0, journal=None)
                | models.Q(amount_fen__gt=0, journal__isnull=False),
                name="held_resolution_is_posted",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.tap_id} {self.party}"


class ClaimResolution(models.Model):
    """How a claim ended that a purchase beyond the balance had left (1221): each once, whole. Append-only by trigger.

    Keyed by the claim's transfer. Collected out of the purse in which its value has turned up, for a chip by the load that
    proved its balance; or written off by two people.
    """

    class Rule(models.TextChoices):
        COLLECTED = "collected", _("collected from the purse")
        WRITTEN_OFF = "written_off", _("written off by two people")

    claim_id = models.BigIntegerField(_("claim"), primary_key=True)
    business_date = models.DateField(_("business date of the claim"))
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    rule = models.CharField(_("rule"), max_length=11, choices=Rule.choices)
    purse_account = models.ForeignKey(
        LedgerAccount, models.PROTECT, null=True, related_name="+", verbose_name=_("collected from")
    )
    proof = models.ForeignKey(
        TopUpOrder, models.PROTECT, null=True, related_name="+", verbose_name=_("proved by")
    )
    proposal = models.OneToOneField(
        HeldProposal, models.PROTECT, null=True, related_name="write_off", verbose_name=_("proposal")
    )
    journal = models.ForeignKey(Journal, models.PROTECT, related_name="+", verbose_name=_("journal"))
    decided_at = models.DateTimeField(_("decided at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("claim, settled")
        verbose_name_plural = _("claims, settled")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=models.Q(rule="collected", purse_account__isnull=False, proposal=None)
                | models.Q(rule="written_off", purse_account=None, proof=None, proposal__isnull=False),
                name="claim_resolution_follows_its_rule",
            ),
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="claim_resolution_counts"),
        ]

    def __str__(self) -> str:
        return f"#{self.claim_id} {self.rule}"


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
