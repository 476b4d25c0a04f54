"""Paying merchants: whom to, who must agree, the batch of a date, and each merchant's order in it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from citizencard.core.states import StatefulModel
from settlement.models.proposed import ProposedRule
from terminals.models import Merchant


class PayoutPolicy(ProposedRule):
    """From how many fen on a batch needs a second approval; in force from `valid_from` until the next one.

    Without a policy every batch needs two.
    """

    second_approval_from_fen = models.BigIntegerField(_("second approval from (fen)"))

    class Meta(ProposedRule.Meta):
        verbose_name = _("payout policy")
        verbose_name_plural = _("payout policies")
        constraints = [
            *ProposedRule.Meta.constraints,
            models.CheckConstraint(
                condition=models.Q(second_approval_from_fen__gt=0), name="payoutpolicy_amount_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.valid_from}"


class PayoutAccount(ProposedRule):
    """A merchant's bank account from a date on: holder and number sealed, the 12-digit CNAPS code of its branch in clear.

    A change of account is a new row. Sealed fields open only through `services.payees`.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    merchant = models.ForeignKey(
        Merchant, models.PROTECT, related_name="payout_accounts", verbose_name=_("merchant")
    )
    bank_code = models.CharField(_("bank code (CNAPS)"), max_length=12)
    holder_sealed = models.BinaryField(editable=False)
    holder_mask = models.CharField(_("account holder"), max_length=140)
    number_sealed = models.BinaryField(editable=False)
    number_mask = models.CharField(_("account number"), max_length=40)

    class Meta(ProposedRule.Meta):
        verbose_name = _("payout account")
        verbose_name_plural = _("payout accounts")
        constraints = [
            *ProposedRule.Meta.constraints,
            models.CheckConstraint(
                condition=models.Q(bank_code__regex=r"^[0-9]{12}$"), name="payoutaccount_bank_code"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number_mask} {self.holder_mask}"


class PayoutBatch(StatefulModel):
    """What is paid out to merchants through one cleared date: drafted, proposed, approved, sent, settled.

    `number` is the message id at the bank. From the proposal on nothing of it changes but its state and who agreed;
    `digest` is the SHA-256 of its orders in canonical form, which is what people approve. `round` counts the batches of
    one date: a second one is made only when the first was refused.
    """

    class State(models.TextChoices):
        DRAFTED = "drafted", _("drafted")
        PROPOSED = "proposed", _("proposed")
        APPROVED = "approved", _("approved")
        SENT = "sent", _("sent to the bank")
        SETTLED = "settled", _("settled")
        PARTLY_RETURNED = "partly_returned", _("settled with returns")
        REFUSED = "refused", _("refused")

    STEPS = ("state", "proposed_by", "approved_by", "seconded_by", "refused_by", "reason", "sent_at")
    """What its steps write; nothing else of a row ever changes."""

    number = models.CharField(_("batch number"), max_length=20, unique=True)
    through = models.DateField(_("cleared through"))
    round = models.PositiveSmallIntegerField(_("round"), default=1)
    value_date = models.DateField(_("value date"))
    state = FSMField(_("state"), choices=State.choices, default=State.DRAFTED, protected=True)
    count = models.PositiveIntegerField(_("orders"))
    total_fen = models.BigIntegerField(_("total (fen)"))
    digest = models.BinaryField(_("SHA-256"), max_length=32, editable=False)
    needs_second = models.BooleanField(_("needs a second approval"))
    made_by = models.CharField(_("made by"), max_length=100)
    made_at = models.DateTimeField(_("made at"))
    proposed_by = models.CharField(_("proposed by"), max_length=100, blank=True)
    approved_by = models.CharField(_("approved by"), max_length=100, blank=True)
    seconded_by = models.CharField(_("seconded by"), max_length=100, blank=True)
    refused_by = models.CharField(_("refused by"), max_length=100, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)

    class Meta:
        verbose_name = _("payout batch")
        verbose_name_plural = _("payout batches")
        constraints = [
            models.UniqueConstraint(fields=["through", "round"], name="payout_batch_once_per_round"),
            models.UniqueConstraint(
                fields=["through"], condition=~models.Q(state="refused"), name="payout_batch_once_per_date"
            ),
            models.CheckConstraint(
                condition=models.Q(count__gt=0, total_fen__gt=0), name="payout_batch_not_empty"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["drafted", "proposed", "refused"])
                | models.Q(proposed_by__gt="", approved_by__gt="")
                & ~models.Q(approved_by=models.F("proposed_by"))
                & ~models.Q(approved_by=models.F("made_by")),
                name="payout_approved_by_another",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["drafted", "proposed", "refused"])
                | models.Q(needs_second=False)
                | models.Q(seconded_by__gt="")
                & ~models.Q(seconded_by=models.F("approved_by"))
                & ~models.Q(seconded_by=models.F("proposed_by"))
                & ~models.Q(seconded_by=models.F("made_by")),
                name="payout_seconded_by_a_third",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["sent", "settled", "partly_returned"], sent_at__isnull=False)
                | models.Q(state__in=["drafted", "proposed", "approved", "refused"], sent_at=None),
                name="payout_batch_sent_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @transition(field=state, source=State.DRAFTED, target=State.PROPOSED)
    def propose(self) -> None:
        """Somebody has looked through it and wants it paid."""

    @transition(field=state, source=State.PROPOSED, target=State.APPROVED)
    def approve(self) -> None:
        """Everybody whose word it needs agrees."""

    @transition(field=state, source=[State.DRAFTED, State.PROPOSED, State.APPROVED], target=State.REFUSED)
    def refuse(self) -> None:
        """It is not paid; its amounts are free for another batch."""

    @transition(field=state, source=State.APPROVED, target=State.SENT)
    def send(self) -> None:
        """The bank has the file: the money is on its way in the books."""

    @transition(field=state, source=[State.SENT, State.PARTLY_RETURNED], target=State.SETTLED)
    def settle(self) -> None:
        """The bank has booked every order."""

    @transition(field=state, source=[State.SENT, State.SETTLED], target=State.PARTLY_RETURNED)
    def return_in_part(self) -> None:
        """No order is on its way any more, and some of them were rejected or returned."""


class PayoutOrder(models.Model):
    """One merchant's payment in a batch. `end_to_end_id` names it for good: made of date, round and merchant.

    Waiting → sent → paid → returned, or sent → rejected, or waiting → dropped with its batch: by trigger, like the rest of
    the row, which never changes.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SENT = "sent", _("on its way")
        PAID = "paid", _("paid")
        REJECTED = "rejected", _("rejected by our bank")
        RETURNED = "returned", _("returned by the payee's bank")
        DROPPED = "dropped", _("dropped with its batch")

    UNPAID = (State.REJECTED, State.RETURNED)
    """The money did not stay with the payee: it is owed again."""

    batch = models.ForeignKey(PayoutBatch, models.PROTECT, related_name="orders", verbose_name=_("batch"))
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="payouts", verbose_name=_("merchant"))
    account = models.ForeignKey(
        PayoutAccount, models.PROTECT, related_name="orders", verbose_name=_("payout account")
    )
    end_to_end_id = models.CharField(_("end-to-end id"), max_length=35, unique=True)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.WAITING)
    failure = models.CharField(_("why it came back"), max_length=140, blank=True)

    class Meta:
        verbose_name = _("payout order")
        verbose_name_plural = _("payout orders")
        constraints = [
            models.UniqueConstraint(fields=["batch", "merchant"], name="payout_once_per_merchant"),
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="payout_positive"),
            models.CheckConstraint(
                condition=models.Q(failure="") | models.Q(state__in=["rejected", "returned"]),
                name="payout_failure_of_a_failed_one",
            ),
        ]

    def __str__(self) -> str:
        return self.end_to_end_id


class PayoutCarried(models.Model):
    """A merchant that a batch does not pay, and why; the amount stays due. Append-only by trigger."""

    class Why(models.TextChoices):
        NOTHING_DUE = "nothing_due", _("nothing is due")
        OWED_BY_MERCHANT = "owed_by_merchant", _("the merchant owes: offset against later settlements")
        NO_ACCOUNT = "no_account", _("no approved payout account")
        ACCOUNT_FAILED = "account_failed", _("the last payout to this account came back")
        FROZEN = "frozen", _("the settlement account is frozen or closed")

    batch = models.ForeignKey(PayoutBatch, models.PROTECT, related_name="carried", verbose_name=_("batch"))
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", verbose_name=_("merchant"))
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    why = models.CharField(_("why"), max_length=20, choices=Why.choices)

    class Meta:
        verbose_name = _("carried forward")
        verbose_name_plural = _("carried forward")
        constraints = [
            models.UniqueConstraint(fields=["batch", "merchant"], name="carried_once_per_merchant")
        ]

    def __str__(self) -> str:
        return f"{self.batch_id} {self.merchant_id}"
