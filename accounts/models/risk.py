"""What the nightly rules find, and what becomes of it: rules with dated parameters, alerts with their facts."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_fsm import FSMField, transition

from accounts.models.cards import Card
from citizencard.core.states import StatefulModel


class RiskRule(models.TextChoices):
    """The rules; how each looks is in `terminals.selectors.risk`, what each says in `accounts.selectors.risk_words`."""

    VELOCITY = "velocity", _("too much in too short a time")
    TRAVEL = "impossible_travel", _("two places at once")
    CONFLICT = "counter_conflict", _("one counter, two purchases")
    ROLLBACK = "counter_rollback", _("counter ran backwards")
    JUMP = "counter_jump", _("counter jumped")
    ABOVE_BOOKS = "chip_above_books", _("more on the chip than in the books")
    UNEXPLAINED = "balance_unexplained", _("balance rose without a top-up")
    TAC = "tac_failures", _("wrong TACs")
    REFUNDS = "refund_burst", _("many refunds")
    SHARING = "concession_sharing", _("concession card in several hands")
    SPLIT = "topup_split", _("top-ups split below the limit")
    NIGHT = "night_merchant", _("trade outside the hours")


class RiskParameters(models.Model):
    """The thresholds of one rule from a day on, what follows from an alert, and why. Append-only by trigger.

    `values` are the rule's own numbers, checked by name when published. `blocks_payout`: a card's money waits until
    a person has looked. `candidate`: the list a confirmed card may be put on, by a second person. `review_days`: by when
    somebody looks.
    """

    class Candidate(models.TextChoices):
        NONE = "", pgettext_lazy("list", "none")
        GREY = "grey", _("grey list")
        HOT = "hot", _("hot list")

    rule = models.CharField(_("rule"), max_length=20, choices=RiskRule.choices)
    valid_from = models.DateField(_("valid from"))
    values = models.JSONField(_("thresholds"))
    blocks_payout = models.BooleanField(_("payout waits for the review"))
    candidate = models.CharField(_("candidate for"), max_length=4, choices=Candidate.choices, blank=True)
    review_days = models.PositiveSmallIntegerField(_("days to review"))
    legal_basis = models.CharField(_("legal basis"), max_length=200)

    class Meta:
        verbose_name = _("risk parameters")
        verbose_name_plural = pgettext_lazy("several", "risk parameters")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["rule", "valid_from"], name="risk_parameters_once_per_date"),
            models.CheckConstraint(condition=~models.Q(legal_basis=""), name="risk_parameters_say_why"),
        ]

    def __str__(self) -> str:
        return f"{self.rule} ({self.valid_from})"


class RiskAlert(StatefulModel):
    """One finding of one version of a rule about one subject on one business date: open, then confirmed or dismissed.

    `facts` are figures and the ids of taps, orders and so on, never a sentence, place or name: words are made when
    it is shown. The database lets nothing change but the review, once. `card` is the card it is about, if it is about one.
    """

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("alert", "to be reviewed")
        CONFIRMED = "confirmed", pgettext_lazy("alert", "confirmed")
        DISMISSED = "dismissed", pgettext_lazy("alert", "dismissed")

    class Subject(models.TextChoices):
        CARD = "card", _("card")
        TERMINAL = "terminal", _("terminal")
        MERCHANT = "merchant", _("merchant")
        OFFICER = "officer", _("member of staff")
        PAYEE = "payee", _("payee")
        BUYER = "buyer", _("buyer")

    rule = models.CharField(_("rule"), max_length=20, choices=RiskRule.choices)
    rule_version = models.PositiveSmallIntegerField(_("version of the rule"))
    parameters = models.ForeignKey(RiskParameters, models.PROTECT, verbose_name=_("risk parameters"))
    business_date = models.DateField(_("business date"))
    subject_kind = models.CharField(_("about"), max_length=8, choices=Subject.choices)
    subject = models.CharField(_("which"), max_length=100)
    card = models.ForeignKey(
        Card, models.PROTECT, null=True, blank=True, related_name="alerts", verbose_name=_("card")
    )
    facts = models.JSONField(_("facts"))
    raised_at = models.DateTimeField(_("raised at"))
    review_by = models.DateField(_("review by"))
    state = FSMField(_("state"), choices=State.choices, default=State.OPEN, protected=True)
    reviewed_by = models.CharField(_("reviewed by"), max_length=100, blank=True, default="")
    reviewed_at = models.DateTimeField(_("reviewed at"), null=True, blank=True)
    review_reason = models.CharField(_("reason"), max_length=200, blank=True, default="")

    class Meta:
        verbose_name = _("risk alert")
        verbose_name_plural = _("risk alerts")
        default_permissions = ("view",)
        permissions = [("review_riskalert", _("Confirm and dismiss risk alerts"))]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "rule_version", "subject_kind", "subject", "business_date"],
                name="risk_alert_once_per_date",
            ),
            models.CheckConstraint(
                condition=models.Q(state="open", reviewed_at=None, reviewed_by="", review_reason="")
                | models.Q(state__in=["confirmed", "dismissed"], reviewed_at__isnull=False)
                & ~models.Q(reviewed_by="")
                & ~models.Q(review_reason=""),
                name="risk_alert_reviewed_by_somebody_for_a_reason",
            ),
            models.CheckConstraint(
                condition=~models.Q(subject_kind="card") | models.Q(card__isnull=False),
                name="risk_alert_of_a_card_names_it",
            ),
        ]
        indexes = [
            models.Index(fields=["review_by"], condition=models.Q(state="open"), name="risk_alert_open"),
            models.Index(fields=["business_date"], name="risk_alert_date"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.get_rule_display()}"

    @transition(field=state, source=State.OPEN, target=State.CONFIRMED)
    def confirm(self, reviewer: str, reason: str, at: datetime) -> None:
        """A person has looked: there is something to it."""
        self.reviewed_by, self.review_reason, self.reviewed_at = reviewer, reason, at

    @transition(field=state, source=State.OPEN, target=State.DISMISSED)
    def dismiss(self, reviewer: str, reason: str, at: datetime) -> None:
        """A person has looked: there is nothing to it."""
        self.reviewed_by, self.review_reason, self.reviewed_at = reviewer, reason, at
