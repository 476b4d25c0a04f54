"""Acceptance: batches as they came, the taps that move money, and the records that do not.

Every record of every batch ends as exactly one tap or one refusal.
"""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from terminals.models.fleet import Terminal


class Batch(models.Model):
    """One upload of a terminal; an online purchase is a batch of one. Stored with its answer: a repeat gets it again."""

    class State(models.TextChoices):
        PROCESSED = "processed", _("processed")
        REFUSED = "refused", _("refused")

    terminal = models.ForeignKey(Terminal, models.PROTECT, related_name="batches", verbose_name=_("terminal"))
    number = models.CharField(_("batch number"), max_length=40)
    digest = models.BinaryField(_("SHA-256"), max_length=32)
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    online = models.BooleanField(_("online"))
    business_date = models.DateField(_("business date"), db_index=True)
    received_at = models.DateTimeField(_("received at"), default=timezone.now)
    records = models.PositiveIntegerField(_("records"))
    total_fen = models.BigIntegerField(_("total (fen)"))
    accepted = models.PositiveIntegerField(_("accepted"), default=0)
    suspended = models.PositiveIntegerField(_("suspended"), default=0)
    duplicate = models.PositiveIntegerField(_("duplicate"), default=0)
    rejected = models.PositiveIntegerField(_("rejected"), default=0)
    answer = models.JSONField(_("answer"), default=dict)
    body = models.BinaryField(_("body as received"), null=True, help_text=_("kept for refused batches only"))

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        constraints = [
            # A refused upload keeps its number free for the corrected one; both stay.
            models.UniqueConstraint(
                fields=["terminal", "number"],
                condition=models.Q(state="processed"),
                name="batch_number_once_per_terminal",
            ),
            models.UniqueConstraint(
                fields=["terminal", "number", "digest"], name="batch_content_once_per_number"
            ),
            models.CheckConstraint(
                condition=models.Q(state="refused")
                | models.Q(
                    records=models.F("accepted")
                    + models.F("suspended")
                    + models.F("duplicate")
                    + models.F("rejected")
                ),
                name="batch_every_record_accounted_for",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.terminal_id}/{self.number}"


class Tap(models.Model):
    """A purchase with a right TAC: it moves money, even when it is suspended. Partitioned by business date.

    One whose TAC no key may check any more (KEY_UNUSABLE) proves nothing: it counts for no card and no terminal counter.
    """

    class Outcome(models.IntegerChoices):
        ACCEPTED = 1, _("accepted")
        HOT_LISTED = 2, _("suspended: card on the hot list")
        COUNTER_CONFLICT = 3, _("suspended: counter used for another purchase")
        OVER_BALANCE = 4, _("suspended: beyond the balance")
        OVER_LIMIT = 5, _("suspended: beyond the limit for one purchase")
        OVER_PRICE = 6, _("suspended: above the terminal's tariff")
        LATE = 7, _("suspended: came too late")
        KEY_UNUSABLE = 8, _("suspended: key version out of use, not checkable")
        CARD_NOT_ACTIVE = 9, _("suspended: card not activated yet")

    pk = models.CompositePrimaryKey("business_date", "id")
    id = models.BigIntegerField()
    business_date = models.DateField(_("business date"))
    batch_id = models.BigIntegerField()
    line = models.IntegerField(_("line"))
    terminal_id = models.BigIntegerField()
    merchant_id = models.BigIntegerField()
    card_id = models.BigIntegerField()
    atc = models.IntegerField(_("offline ATC"))
    terminal_seq = models.BigIntegerField(_("terminal sequence"))
    kind = models.SmallIntegerField(_("transaction type"))
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    balance_fen = models.BigIntegerField(_("chip balance after (fen)"))
    occurred_at = models.DateTimeField(_("occurred at"))
    received_at = models.DateTimeField(_("received at"))
    tac = models.BinaryField(_("TAC"), max_length=4)
    key_version = models.SmallIntegerField(_("key version"), null=True, default=None)
    """Of the key that its TAC is proved by; empty for what was taken in before it was kept."""
    outcome = models.SmallIntegerField(_("outcome"), choices=Outcome.choices)
    note = models.CharField(_("note"), max_length=200)
    trip = models.CharField(_("trip"), max_length=64, default="", help_text="terminals.wire.trip")

    class Meta:
        managed = False
        db_table = "terminals_tap"
        verbose_name = _("tap")
        verbose_name_plural = _("taps")

    def __str__(self) -> str:
        return f"{self.business_date} #{self.id}"


class Refusal(models.Model):
    """A record that moves no money: a duplicate, or one that breaks a rule. Kept as it came, with its reason."""

    pk = models.CompositePrimaryKey("business_date", "id")
    id = models.BigIntegerField()
    business_date = models.DateField(_("business date"))
    batch_id = models.BigIntegerField()
    line = models.IntegerField(_("line"))
    code = models.CharField(_("reason code"), max_length=30)
    detail = models.CharField(_("detail"), max_length=300)
    record = models.TextField(_("record as received"))
    received_at = models.DateTimeField(_("received at"))

    class Meta:
        managed = False
        db_table = "terminals_refusal"
        verbose_name = _("refusal")
        verbose_name_plural = _("refusals")

    def __str__(self) -> str:
        return f"{self.business_date} #{self.id} {self.code}"
