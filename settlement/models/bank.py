"""The bank's side: files that go and come, its statements line by line, and what each line is in the ledger."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Chart
from settlement.bankfiles.values import Fault, Problem
from settlement.models.payouts import PayoutBatch
from settlement.models.proposed import ProposedRule


class BankFile(models.Model):
    """A file to or from the bank as its bytes were, kept for good: sealed, with its SHA-256. Append-only by trigger.

    What was refused is kept as evidence with every `problems` found in it; a file taken is there once.
    """

    class Kind(models.TextChoices):
        PAIN_001 = "pain.001", _("payment order (pain.001)")
        TEXT = "text", _("payment order (text)")
        PAIN_002 = "pain.002", _("payment status (pain.002)")
        CAMT_053 = "camt.053", _("account statement (camt.053)")

    id = models.UUIDField(primary_key=True, editable=False)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    batch = models.ForeignKey(
        PayoutBatch, models.PROTECT, null=True, blank=True, related_name="files", verbose_name=_("batch")
    )
    sha256 = models.BinaryField(_("SHA-256"), max_length=32, editable=False)
    size = models.PositiveIntegerField(_("bytes"))
    content_sealed = ArrayField(models.BinaryField(), editable=False)
    problems = models.JSONField(_("what is wrong"), default=list, blank=True)
    actor = models.CharField(_("actor"), max_length=100)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("bank file")
        verbose_name_plural = _("bank files")
        constraints = [
            models.UniqueConstraint(
                fields=["sha256"], condition=models.Q(problems=[]), name="bank_file_taken_once"
            ),
            models.UniqueConstraint(
                fields=["batch", "kind"],
                condition=models.Q(kind__in=["pain.001", "text"]),
                name="bank_file_once_per_batch",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {timezone.localtime(self.at):%Y-%m-%d %H:%M}"

    def found_problems(self) -> list[Problem]:
        """What was wrong with a refused file."""
        return [Problem(each["line"], each["field"], Fault(each["fault"])) for each in self.problems]


class BankSource(ProposedRule):
    """By which `prefix` of its reference a receipt is known as the settlement of a claim of ours, and of which account.

    In force from `valid_from` on; a later row with the same prefix replaces it.
    """

    prefix = models.CharField(_("prefix of the reference"), max_length=20)
    chart = models.CharField(
        _("chart account"),
        max_length=4,
        choices=[
            (chart.value, chart.label)
            for chart in (Chart.COUNTER_CASH, Chart.GATEWAY_RECEIVABLE, Chart.DIRECT_DEBIT_RECEIVABLE)
        ],
    )

    class Meta(ProposedRule.Meta):
        verbose_name = _("source of receipts")
        verbose_name_plural = _("sources of receipts")
        constraints = [
            *ProposedRule.Meta.constraints,
            models.CheckConstraint(
                condition=models.Q(prefix__regex=r"^[A-Z0-9-]{2,20}$", chart__in=["1011", "1012", "1015"]),
                name="banksource_sane",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix} {self.chart}"


class BankStatement(models.Model):
    """One statement of the reserve account, taken whole. Each begins where the one before ended. Append-only by trigger."""

    number = models.CharField(_("statement number"), max_length=35, unique=True)
    file = models.OneToOneField(BankFile, models.PROTECT, verbose_name=_("bank file"))
    previous = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="next", verbose_name=_("statement before")
    )
    day = models.DateField(_("closing date"))
    opening_fen = models.BigIntegerField(_("opening balance (fen)"))
    closing_fen = models.BigIntegerField(_("closing balance (fen)"))
    credit_fen = models.BigIntegerField(_("credits (fen)"))
    debit_fen = models.BigIntegerField(_("debits (fen)"))
    count = models.PositiveIntegerField(_("entries"))

    class Meta:
        verbose_name = _("bank statement")
        verbose_name_plural = _("bank statements")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    closing_fen=models.F("opening_fen") + models.F("credit_fen") - models.F("debit_fen")
                ),
                name="bank_statement_adds_up",
            ),
            models.UniqueConstraint(
                fields=["previous"],
                condition=models.Q(previous=None),
                nulls_distinct=False,
                name="one_first_bank_statement",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.number}"


class BankEntry(models.Model):
    """One line of a statement. `signed_fen` as the bank counts: positive came in, negative went out. Append-only by trigger.

    `what` is what it was found to be; its transfer on 1001 is (`transfer_date`, `transfer_id`), posted for it or there before.
    """

    class What(models.TextChoices):
        PAYOUT = "payout", _("payout booked")
        RETURN = "return", _("payout returned")
        RECEIPT = "receipt", _("settlement or deposit")
        KNOWN = "known", _("in the books before")
        SUSPENSE = "suspense", _("held in suspense")

    statement = models.ForeignKey(
        BankStatement, models.PROTECT, related_name="entries", verbose_name=_("bank statement")
    )
    row = models.PositiveIntegerField(_("row"))
    signed_fen = models.BigIntegerField(_("amount (fen)"))
    booked_on = models.DateField(_("booking date"))
    valued_on = models.DateField(_("value date"))
    reference = models.CharField(_("bank reference"), max_length=35, blank=True)
    end_to_end_id = models.CharField(_("end-to-end id"), max_length=35, blank=True)
    note = models.CharField(_("note"), max_length=140, blank=True)
    what = models.CharField(_("what it is"), max_length=8, choices=What.choices)
    order = models.ForeignKey(
        "settlement.PayoutOrder",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="entries",
        verbose_name=_("payout order"),
    )
    transfer_date = models.DateField(_("business date"))
    transfer_id = models.BigIntegerField(_("transfer"))

    class Meta:
        verbose_name = _("bank entry")
        verbose_name_plural = _("bank entries")
        constraints = [
            models.UniqueConstraint(fields=["statement", "row"], name="bank_entry_row_once"),
            models.UniqueConstraint(fields=["transfer_date", "transfer_id"], name="bank_entry_one_transfer"),
            models.UniqueConstraint(
                fields=["order", "what"],
                condition=models.Q(what__in=["payout", "return"]),
                name="payout_booked_and_returned_once",
            ),
            models.CheckConstraint(condition=~models.Q(signed_fen=0), name="bank_entry_not_zero"),
            models.CheckConstraint(
                condition=models.Q(what="payout", order__isnull=False, signed_fen__lt=0)
                | models.Q(what="return", order__isnull=False, signed_fen__gt=0)
                | models.Q(what="receipt", order=None, signed_fen__gt=0)
                | models.Q(what__in=["known", "suspense"]),
                name="bank_entry_is_what_it_says",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.statement_id} #{self.row}"
