"""What the bank's statements bring and nobody has explained yet: every item with its owner, its age and its end."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_fsm import FSMField, transition

from accounts.models import LedgerAccount
from citizencard.core.states import StatefulModel
from settlement.models.bank import BankEntry


class SuspenseItem(StatefulModel):
    """One unexplained amount. Those of bank entries stand in 1221 (went out) or 2241 (came in) until two people resolve them.

    `signed_fen` as the bank counts; of a difference of the reserve, bank less books, which stands in no account and is gone
    when a later check finds none. `subject` is the entry, or the date of the check.
    """

    class Kind(models.TextChoices):
        UNKNOWN_RECEIPT = "unknown_receipt", _("receipt of unknown origin")
        UNKNOWN_DEBIT = "unknown_debit", _("debit of unknown cause")
        PAID_TWICE = "paid_twice", _("payout booked a second time")
        PAID_AFTER_REJECTION = "paid_after_rejection", _("payout booked although it was rejected")
        RETURNED_UNPAID = "returned_unpaid", _("return of a payout that is not out")
        ABOVE_CLAIM = "above_claim", _("receipt above what its payer owes")
        RESERVE_DIFFERENCE = "reserve_difference", _("reserve and bank differ")

    class Owner(models.TextChoices):
        FINANCE = "finance", _("finance")
        SUPERVISOR = "supervisor", _("supervisor")

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("difference", "open")
        PROPOSED = "proposed", _("resolution proposed")
        RESOLVED = "resolved", _("resolved")
        GONE = "gone", _("gone")

    STEPS = (
        "owner", "assignee", "state", "target", "reason", "proposed_by", "resolved_by", "resolved_at",
    )  # fmt: skip
    """What its steps write; nothing else of a row ever changes."""

    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    subject = models.CharField(_("subject"), max_length=60)
    entry = models.OneToOneField(
        BankEntry,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="suspense",
        verbose_name=_("bank entry"),
    )
    signed_fen = models.BigIntegerField(_("amount (fen)"))
    opened_on = models.DateField(_("open since"))
    owner = models.CharField(_("owner"), max_length=10, choices=Owner.choices)
    assignee = models.CharField(_("assigned to"), max_length=100, blank=True)
    state = FSMField(_("state"), choices=State.choices, default=State.OPEN, protected=True)
    target = models.ForeignKey(
        LedgerAccount,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("goes to account"),
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    proposed_by = models.CharField(_("proposed by"), max_length=100, blank=True)
    resolved_by = models.CharField(_("resolved by"), max_length=100, blank=True)
    resolved_at = models.DateTimeField(_("resolved at"), null=True, blank=True)

    class Meta:
        verbose_name = _("suspense item")
        verbose_name_plural = _("suspense items")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="reserve_difference", entry=None, target=None)
                | ~models.Q(kind="reserve_difference") & models.Q(entry__isnull=False),
                name="suspense_of_an_entry",
            ),
            models.CheckConstraint(condition=~models.Q(signed_fen=0), name="suspense_not_zero"),
            models.CheckConstraint(
                condition=models.Q(state="open", proposed_by="", target=None, resolved_by="", resolved_at=None)
                | models.Q(state="proposed", proposed_by__gt="", reason__gt="", target__isnull=False,
                           resolved_by="", resolved_at=None)
                | models.Q(state="resolved", proposed_by__gt="", reason__gt="", target__isnull=False,
                           resolved_by__gt="", resolved_at__isnull=False)
                & ~models.Q(resolved_by=models.F("proposed_by"))
                | models.Q(state="gone", kind="reserve_difference", resolved_at__isnull=False),
                name="suspense_resolved_by_two",
            ),
            models.UniqueConstraint(
                fields=["subject"],
                condition=models.Q(kind="reserve_difference", state="open"),
                name="one_open_difference_per_date",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"#{self.pk} {self.subject}"

    @transition(field=state, source=State.OPEN, target=State.PROPOSED)
    def propose(self) -> None:
        """Somebody says whose it is, and why."""

    @transition(field=state, source=State.PROPOSED, target=State.OPEN)
    def reopen(self) -> None:
        """Another person does not agree."""

    @transition(field=state, source=State.PROPOSED, target=State.RESOLVED)
    def resolve(self) -> None:
        """Another person agrees: the amount goes to its account."""

    @transition(field=state, source=State.OPEN, target=State.GONE)
    def vanish(self) -> None:
        """A later check finds no difference any more."""
