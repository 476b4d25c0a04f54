"""Purchases without proof (灰记录), as terminals report them, and what became of each."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Card, Journal
from terminals.models.field import Merchant
from terminals.models.fleet import Terminal


class Grey(models.Model):
    """One report: once per terminal sequence and cause. Append-only by trigger; its story is in its steps.

    `card` is empty for a number we do not know; `tac` is there for a card whose debit the SAM did not believe.
    """

    class Cause(models.TextChoices):
        NO_ANSWER = "no_answer", _("the chip left without an answer")
        LOGGED = "logged", _("the chip's log holds it")
        NOT_PAID = "not_paid", _("the chip was not debited")
        MAC2 = "mac2", _("false card: its debit was not believed (MAC2)")

    terminal = models.ForeignKey(Terminal, models.PROTECT, related_name="greys", verbose_name=_("terminal"))
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", verbose_name=_("merchant"))
    terminal_seq = models.BigIntegerField(_("terminal sequence"))
    cause = models.CharField(_("cause"), max_length=9, choices=Cause.choices)
    pan = models.CharField(_("card number"), max_length=19)
    card = models.ForeignKey(Card, models.PROTECT, null=True, related_name="greys", verbose_name=_("card"))
    atc = models.IntegerField(_("offline ATC"))
    kind = models.SmallIntegerField(_("transaction type"))
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    balance_fen = models.BigIntegerField(_("chip balance after (fen)"))
    occurred_at = models.DateTimeField(_("occurred at"))
    tac = models.BinaryField(_("TAC"), max_length=4, null=True)
    place = models.CharField(_("place"), max_length=200, blank=True)
    received_at = models.DateTimeField(_("received at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("grey record")
        verbose_name_plural = _("grey records")
        constraints = [
            models.UniqueConstraint(
                fields=["terminal", "terminal_seq", "cause"], name="grey_once_per_sequence_and_cause"
            ),
            models.CheckConstraint(
                condition=models.Q(cause="mac2", tac__isnull=False)
                | ~models.Q(cause="mac2") & models.Q(tac=None),
                name="grey_tac_of_a_false_card_only",
            ),
            models.CheckConstraint(
                condition=models.Q(amount_fen__gte=0, atc__range=(0, 65_535)), name="grey_counts"
            ),
        ]
        indexes = [models.Index(fields=["card", "atc"], name="grey_of_card")]

    def __str__(self) -> str:
        return f"{self.terminal_id}/{self.terminal_seq} {self.cause}"


class GreyStep(models.Model):
    """One step of a grey record's story; the last one is where it stands. Append-only by trigger."""

    class State(models.TextChoices):
        OPEN = "open", _("waits for evidence")
        SETTLED = "settled", _("settled: the chip has paid")
        DROPPED = "dropped", _("dropped: the merchant's risk")
        ENDED = "ended", _("ended: nothing was paid")
        REPLACED = "replaced", _("replaced by its proven record")
        SUSPICION = "suspicion", _("suspicion")

    grey = models.ForeignKey(
        Grey, models.PROTECT, related_name="steps", db_index=False, verbose_name=_("grey record")
    )
    state = models.CharField(_("state"), max_length=9, choices=State.choices)
    rule = models.CharField(_("rule"), max_length=20)
    detail = models.JSONField(_("detail"), default=dict)
    journal = models.ForeignKey(Journal, models.PROTECT, null=True, verbose_name=_("journal"))
    at = models.DateTimeField(_("at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("step of a grey record")
        verbose_name_plural = _("steps of a grey record")
        default_permissions = ()
        constraints = [
            # Open once, closed once: a grey record never pays twice, whoever judges it at the same time.
            models.UniqueConstraint(
                fields=["grey"], condition=models.Q(state="open"), name="grey_opened_once"
            ),
            models.UniqueConstraint(
                fields=["grey"], condition=~models.Q(state="open"), name="grey_closed_once"
            ),
            models.CheckConstraint(
                condition=models.Q(state="settled") | models.Q(journal=None), name="grey_posted_when_settled"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.grey_id} {self.state}"
