"""The ledger: accounts, journals, transfers.

A transfer moves one amount from credit to debit account, so a row is balanced by construction. Transfers are
append-only and partitioned by business date; the statement-level trigger `post_transfers` (see the migration) refuses
closed days and closed accounts, keeps every purse's balance, and adds what other accounts got to their daily tallies.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Chart(models.TextChoices):
    """The chart of accounts. Codes from 1 are assets, from 2 liabilities, from 60 income, from 67 expense.

    Assets and expense grow in debit, the others in credit.
    """

    RESERVE_BANK = "1001", _("reserve bank deposit")
    COUNTER_CASH = "1011", _("counter cash")
    GATEWAY_RECEIVABLE = "1012", _("payment gateway receivable")
    AGENT_RECEIVABLE = "1013", _("agent receivable")
    KIOSK_CASH = "1014", _("kiosk cash")
    DIRECT_DEBIT_RECEIVABLE = "1015", _("direct debit receivable")
    SUSPENSE_RECEIVABLE = "1221", _("suspense receivable")
    CREDITS_ADVANCED = "1222", _("credits advanced in disputes")
    SUBSIDY_RECEIVABLE = "1231", _("subsidy receivable")
    PURSE_REAL_NAME = "2011", _("purse funds, real-name cards")
    PURSE_ANONYMOUS = "2012", _("purse funds, anonymous cards")
    PURSE_ACCOUNT = "2013", _("account purse funds")
    DEPOSITS = "2021", _("card deposits")
    TOP_UPS_IN_TRANSIT = "2031", _("top-ups in transit")
    REFUNDS_PAYABLE = "2032", _("refunds payable")
    COMPENSATION_PAYABLE = "2033", _("compensation payable")
    CARDS_REPLACED = "2034", _("money between a replaced card and the new one")
    PASSES_SOLD = "2051", _("passes sold, not yet used")
    MERCHANT_PAYABLE = "2202", _("merchant payable")
    SETTLEMENT_PAYABLE = "2203", _("settlement payable")
    OPERATOR_PAYABLE = "2204", _("operator payable")
    PAYOUTS_IN_TRANSIT = "2205", _("payouts in transit")
    SUSPENSE_PAYABLE = "2241", _("suspense payable")
    DISPUTED = "2242", _("disputed")
    FEE_INCOME = "6001", _("fee income")
    CARD_SALES = "6002", _("card sales")
    SERVICE_FEES = "6003", _("service fees")
    WRITE_OFF = "6711", _("write-off")

    @property
    def normal_side(self) -> str:
        """`D` or `C`: the side on which the account grows."""
        return LedgerAccount.Side.DEBIT if self.value.startswith(("1", "67")) else LedgerAccount.Side.CREDIT


class LedgerAccount(models.Model):
    """One account of the chart. `code` is `<chart code>` or `<chart code>.<owner>`, e.g. `2202.M0001`.

    An account without owner carries no name of its own: it is called as its chart account, in the reader's language.
    """

    class Side(models.TextChoices):
        DEBIT = "D", _("debit")
        CREDIT = "C", _("credit")

    class State(models.TextChoices):
        OPEN = "open", _("open")
        FROZEN = "frozen", _("frozen")
        CLOSED = "closed", _("closed")

    code = models.CharField(_("code"), max_length=40, unique=True)
    chart = models.CharField(_("chart account"), max_length=4, choices=Chart.choices, db_index=True)
    side = models.CharField(_("normal side"), max_length=1, choices=Side.choices)
    name = models.CharField(_("name"), max_length=100, blank=True)
    state = models.CharField(
        _("state"), max_length=6, choices=State.choices, default=State.OPEN, db_default=State.OPEN
    )
    control = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, editable=False, verbose_name=_("control account")
    )
    """The account whose tallies this one's movements are part of: a purse has a balance instead of tallies of its own."""

    class Meta:
        verbose_name = _("ledger account")
        verbose_name_plural = _("ledger accounts")
        constraints = [
            models.CheckConstraint(condition=models.Q(side__in=["D", "C"]), name="ledger_account_side_known"),
            models.CheckConstraint(
                condition=models.Q(code__startswith=models.F("chart")), name="ledger_account_code_in_chart"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["open", "frozen", "closed"]), name="ledger_account_state_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(chart__in=["2011", "2012", "2013"])
                | models.Q(code=models.F("chart"))
                | models.Q(control__isnull=False),
                name="ledger_account_of_purse_has_control",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.label}"

    @property
    def label(self) -> str:
        """What people call the account."""
        return self.name or str(Chart(self.chart).label)


class Journal(models.Model):
    """One business event and its reason: the transfers that belong together. `key` makes it happen once.

    `digest` is the SHA-256 of what was posted, so that a repeat with other content is noticed; journals that a batch
    writes set-wise are guarded by the batch and have none.
    """

    key = models.CharField(_("idempotency key"), max_length=120)
    kind = models.CharField(_("kind"), max_length=30)
    actor = models.CharField(_("actor"), max_length=100)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    source = models.CharField(_("source document"), max_length=120)
    business_date = models.DateField(_("business date"))
    posted_at = models.DateTimeField(_("posted at"), auto_now_add=True)
    digest = models.BinaryField(_("SHA-256"), max_length=32, null=True, editable=False)
    reverses = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="reversals",
        verbose_name=_("reverses"),
        db_index=False,
    )

    class Meta:
        verbose_name = _("journal")
        verbose_name_plural = _("journals")
        # Each index costs every posting: no pattern index for the key, nothing for journals that reverse none.
        constraints = [
            models.UniqueConstraint(fields=["key"], name="journal_key_once"),
            models.UniqueConstraint(
                fields=["reverses"],
                condition=models.Q(reverses__isnull=False),
                name="journal_reversed_once",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Transfer(models.Model):
    """`amount_fen` from the credit account to the debit account. No foreign keys: the nightly audit proves them.

    `source_id` is the tap, order or statement behind it; (business date, kind, source id) is unique.
    """

    class Kind(models.IntegerChoices):
        TOP_UP_PAID = 1, _("top-up paid")
        TOP_UP_LOADED = 2, _("top-up loaded")
        TOP_UP_REVERSED = 3, _("top-up reversed")
        CARD_SALE = 4, _("card sale")
        DEPOSIT = 5, _("deposit")
        DEPOSIT_RETURNED = 6, _("deposit returned")
        SERVICE_FEE = 7, _("service fee")
        CARD_RETURNED = 8, _("card returned unused")
        DAMAGE_CHARGED = 9, _("damage charged to the deposit")
        PURCHASE = 10, _("purchase")
        PURCHASE_HELD = 11, _("purchase held in suspense")
        PURCHASE_CLAIM = 12, _("purchase beyond the balance")
        PAYMENT = 13, _("payment from the account purse")
        PAYMENT_REFUNDED = 14, _("payment refunded")
        PASS_SOLD = 15, _("pass sold")
        PASS_USED = 16, _("pass used")
        PASS_EXPIRED = 17, _("pass expired")
        PASS_REFUNDED = 18, _("pass refunded")
        FEE = 20, _("merchant fee")
        SETTLEMENT = 21, _("settlement")
        REFUND_OWED = 30, _("refund owed")
        REFUND_PAID = 31, _("refund paid")
        REFUND_RETURNED = 32, _("refund returned by the payer's bank")
        INTEREST_OWED = 33, _("interest owed")
        COMPENSATION_OWED = 36, _("compensation owed")
        COMPENSATION_PAID = 37, _("compensation paid")
        HELD_PAID = 40, _("held purchase paid to the merchant")
        HELD_RETURNED = 41, _("held purchase given back")
        LOSS_BORNE = 42, _("purchase with a lost card, borne by the centre")
        GREY_SETTLED = 43, _("purchase without proof, settled on evidence")
        RIDE_PAID = 44, _("ride by code")
        RIDE_CLAIMED = 45, _("ride by code beyond the balance")
        FARE_SUBSIDY = 46, _("fare subsidy")
        CLAIM_COLLECTED = 47, _("claim collected from the purse")
        CLAIM_WRITTEN_OFF = 48, _("claim written off")
        FUNDS_RECEIVED = 50, _("funds received by the bank")
        SPLIT = 53, _("share of another merchant's settlement")
        ADJUSTMENT = 54, _("adjustment")
        CORRECTION = 59, _("correction")
        PAYOUT_SENT = 60, _("payout sent to the bank")
        PAYOUT_BOOKED = 61, _("payout booked by the bank")
        PAYOUT_REJECTED = 62, _("payout rejected by the bank")
        PAYOUT_RETURNED = 63, _("payout returned by the payee's bank")
        RECEIPT_BOOKED = 64, _("receipt booked by the bank")
        BANK_SUSPENDED = 65, _("bank entry held in suspense")
        SUSPENSE_RESOLVED = 66, _("suspense item resolved")
        DISPUTE_BORNE = 70, _("disputed charge borne")
        CREDIT_TAKEN_BACK = 71, _("credit of a dispute taken back")
        CREDIT_WRITTEN_OFF = 72, _("credit of a dispute written off")
        CARD_REPLACED = 73, _("money leaves a replaced card")
        DRAWER_DIFFERENCE = 74, _("cash drawer over or short")
        SALE_REVERSED = 75, _("card sale of the same day reversed")
        TOP_UP_TAKEN_BACK = 76, _("top-up of the same day taken back from the account purse")

    pk = models.CompositePrimaryKey("business_date", "id")
    id = models.BigIntegerField()
    business_date = models.DateField(_("business date"))
    kind = models.SmallIntegerField(_("kind"), choices=Kind.choices)
    debit_id = models.BigIntegerField(_("debit account"))
    credit_id = models.BigIntegerField(_("credit account"))
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    journal_id = models.BigIntegerField(_("journal"))
    source_id = models.BigIntegerField(_("source"))
    occurred_at = models.DateTimeField(_("occurred at"))

    class Meta:
        managed = False
        db_table = "accounts_transfer"
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")

    def __str__(self) -> str:
        return f"{self.business_date} #{self.id}"


class Tally(models.Model):
    """What one account got and gave on one business date, kept by the trigger in as many stripes as postings ran at once.

    Sum the stripes. Postings at the same time never wait for each other here: each holds a stripe of its own.
    """

    pk = models.CompositePrimaryKey("account_id", "business_date", "stripe")
    account_id = models.BigIntegerField(_("account"))
    business_date = models.DateField(_("business date"))
    stripe = models.SmallIntegerField()
    debit_fen = models.BigIntegerField(_("debit (fen)"))
    credit_fen = models.BigIntegerField(_("credit (fen)"))
    transfers = models.BigIntegerField(_("transfers"))

    class Meta:
        managed = False
        db_table = "accounts_tally"
        verbose_name = _("tally")
        verbose_name_plural = _("tallies")

    def __str__(self) -> str:
        return f"{self.account_id} {self.business_date}"


class Closing(models.Model):
    """What an account had got and given up to the end of a sealed business date. Append-only by trigger."""

    pk = models.CompositePrimaryKey("account_id", "business_date")
    account_id = models.BigIntegerField(_("account"))
    business_date = models.DateField(_("business date"))
    debit_fen = models.BigIntegerField(_("debit (fen)"))
    credit_fen = models.BigIntegerField(_("credit (fen)"))

    class Meta:
        managed = False
        db_table = "accounts_closing"
        verbose_name = _("closing balance")
        verbose_name_plural = _("closing balances")

    def __str__(self) -> str:
        return f"{self.account_id} {self.business_date}"
