"""Three-way reconciliation 三方对账: what terminals, ledger and bank do not agree on, each with owner, age and end."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_fsm import FSMField, transition

from citizencard.core.models import CounterRanges
from citizencard.core.states import StatefulModel
from terminals.models import Merchant, Terminal, TerminalTotal


class DifferenceKind(models.TextChoices):
    """What can differ, leg by leg; `settlement.difference_kinds` says whose it is and how it ends."""

    MISSING_UPLOAD = "missing_upload", _("told by the terminal, not uploaded")
    BEYOND_TOTAL = "beyond_total", _("uploaded beyond the terminal's total")
    AMOUNT_DIFFERS = "amount_differs", _("as many records, another sum")
    TOTAL_MISSING = "total_missing", _("purchases that no total covers")
    DUPLICATE = "duplicate", _("uploaded again")
    BAD_TAC = "bad_tac", _("refused: wrong TAC")
    UNKNOWN_CARD = "unknown_card", _("refused: unknown card")
    TEST_CARD = "test_card", _("refused: card for tests")
    ILLEGAL_DATA = "illegal_data", _("refused: illegal data")
    FUTURE = "future", _("refused: from the future")
    TERMINAL_MISMATCH = "terminal_mismatch", _("refused: of another terminal")
    HOT_LISTED = "hot_listed", _("held: card on the hot list")
    COUNTER_CONFLICT = "counter_conflict", _("held: counter used twice")
    OVER_BALANCE = "over_balance", _("claim: beyond the balance")
    OVER_LIMIT = "over_limit", _("held: beyond the limit")
    OVER_PRICE = "over_price", _("held: above the tariff")
    LATE = "late", _("held: came too late")
    KEY_UNUSABLE = "key_unusable", _("held: key out of use")
    CARD_NOT_ACTIVE = "card_not_active", _("held: card not activated yet")
    NOT_IN_LEDGER = "not_in_ledger", _("purchase without its transfer")
    NOT_A_PURCHASE = "not_a_purchase", _("transfer without its purchase")
    LEDGER_DIFFERS = "ledger_differs", _("purchase and transfer of different amounts")
    MISSING_AT_BANK = "missing_at_bank", _("payout that the bank does not show")
    RETURNED = "returned", _("payout rejected or returned")
    UNKNOWN_AT_BANK = "unknown_at_bank", _("bank entry of unknown origin")
    BANK_AMOUNT_DIFFERS = "bank_amount_differs", _("bank file with another amount than ordered")


DECIDED_ELSEWHERE: Final = (
    "duplicate", "hot_listed", "counter_conflict", "over_balance", "over_limit", "over_price", "late", "key_unusable",
    "card_not_active", "unknown_at_bank",
)  # fmt: skip
"""Nobody decides these here: they end when the purchase, claim or suspense item behind them does, or are at their end."""
WITHOUT_MONEY: Final = ("total_missing",)
"""One person is enough."""


class Reconciliation(models.Model):
    """A sealed business date that was compared. `counted_at`: totals that came later are looked for once more."""

    business_date = models.DateField(_("business date"), primary_key=True)
    counted_at = models.DateTimeField(_("compared with what came until"))

    class Meta:
        verbose_name = _("reconciliation")
        verbose_name_plural = _("reconciliations")

    def __str__(self) -> str:
        return self.business_date.isoformat()


class WindowCount(models.Model):
    """What of a terminal's window was accepted on a business date, counted once, for a sealed date never changes.

    Append-only by trigger. A late upload counts on its own business date.
    """

    total = models.ForeignKey(TerminalTotal, models.PROTECT, related_name="counts", verbose_name=_("total"))
    business_date = models.DateField(_("business date"))
    records = models.PositiveIntegerField(_("records"))
    amount_fen = models.BigIntegerField(_("amount (fen)"))

    class Meta:
        verbose_name = _("count of a window")
        verbose_name_plural = _("counts of windows")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["total", "business_date"], name="window_counted_once_per_date")
        ]

    def __str__(self) -> str:
        return f"{self.total_id} {self.business_date}"


class Difference(StatefulModel):
    """One thing that two legs do not agree on. Never removed; each step is kept as a `DifferenceStep` by trigger.

    `subject` names it for good: one row per kind and subject. `ours_fen` is what the centre has, `theirs_fen` what terminal or
    bank say, over `count` records. It is explained by itself when later data does, or resolved by people; a row explained
    opens again when a later comparison finds it again, a row resolved only with other figures.
    """

    class Owner(models.TextChoices):
        FINANCE = "finance", _("finance")
        SUPERVISOR = "supervisor", _("supervisor")

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("difference", "open")
        PROPOSED = "proposed", _("decision proposed")
        EXPLAINED = "explained", _("explained by later data")
        RESOLVED = "resolved", _("resolved by people")

    STEPS = ("state", "actor", "reason", "proposed_by", "decided_by", "closed_at")
    """What people's steps write."""

    business_date = models.DateField(_("business date"))
    kind = models.CharField(_("kind"), max_length=20, choices=DifferenceKind.choices)
    subject = models.CharField(_("subject"), max_length=80)
    owner = models.CharField(_("owner"), max_length=10, choices=Owner.choices)
    terminal = models.ForeignKey(
        Terminal,
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="+",
        verbose_name=_("terminal"),
    )
    merchant = models.ForeignKey(
        Merchant,
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="+",
        verbose_name=_("merchant"),
    )
    terminal_seq = models.BigIntegerField(_("terminal sequence"), null=True, blank=True)
    source_id = models.BigIntegerField(_("document"), null=True, blank=True)
    transfer_id = models.BigIntegerField(_("transfer"), null=True, blank=True)
    sequences = CounterRanges(element="int8", null=True, editable=False)
    """Of TOTAL_MISSING: the terminal's sequences that no total covers."""
    count = models.PositiveIntegerField(_("records"))
    ours_fen = models.BigIntegerField(_("ours (fen)"))
    theirs_fen = models.BigIntegerField(_("theirs (fen)"))
    since = models.DateTimeField(_("open since"))
    state = FSMField(_("state"), choices=State.choices, default=State.OPEN, protected=True)
    actor = models.CharField(_("last step by"), max_length=150)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    proposed_by = models.CharField(_("proposed by"), max_length=150, blank=True)
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("difference")
        verbose_name_plural = _("differences")
        permissions = [
            ("propose_difference", _("Say how a difference ends")),
            ("approve_difference", _("Agree to how a difference ends")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject"], name="difference_once"),
            models.CheckConstraint(
                condition=models.Q(state="open", proposed_by="", decided_by="", closed_at=None)
                | models.Q(state="proposed", proposed_by__gt="", reason__gt="", decided_by="", closed_at=None)
                | models.Q(state="explained", proposed_by="", decided_by="", closed_at__isnull=False)
                | models.Q(
                    state="resolved",
                    proposed_by__gt="",
                    reason__gt="",
                    decided_by__gt="",
                    closed_at__isnull=False,
                )
                & (~models.Q(decided_by=models.F("proposed_by")) | models.Q(kind__in=WITHOUT_MONEY)),
                name="difference_decided_by_two",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind__in=DECIDED_ELSEWHERE)
                | ~models.Q(state__in=["proposed", "resolved"]),
                name="difference_decided_where_it_belongs",
            ),
            models.CheckConstraint(
                condition=models.Q(count__gt=0, ours_fen__gte=0, theirs_fen__gte=0), name="difference_sane"
            ),
        ]
        indexes = [
            models.Index(
                fields=["since"], condition=models.Q(state__in=["open", "proposed"]), name="difference_open"
            ),
            models.Index(fields=["business_date", "kind"], name="difference_of_date"),
            models.Index(
                fields=["terminal", "terminal_seq"],
                condition=models.Q(terminal_seq__isnull=False),
                name="difference_of_record",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"

    @property
    def amount_fen(self) -> int:
        """What is at stake."""
        return abs(self.ours_fen - self.theirs_fen)

    @transition(field=state, source=State.OPEN, target=State.PROPOSED)
    def propose(self) -> None:
        """Somebody says how it ends, and why."""

    @transition(field=state, source=State.PROPOSED, target=State.OPEN)
    def reopen(self) -> None:
        """Another person does not agree."""

    @transition(field=state, source=State.PROPOSED, target=State.RESOLVED)
    def resolve(self) -> None:
        """Another person agrees; where no money is at stake, it was enough to say so."""


class DifferenceStep(models.Model):
    """What became of a difference, step by step, written by the database itself. Append-only by trigger."""

    difference = models.ForeignKey(
        Difference, models.PROTECT, related_name="steps", verbose_name=_("difference")
    )
    state = models.CharField(_("state"), max_length=10, choices=Difference.State.choices)
    actor = models.CharField(_("actor"), max_length=150)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    count = models.PositiveIntegerField(_("records"))
    ours_fen = models.BigIntegerField(_("ours (fen)"))
    theirs_fen = models.BigIntegerField(_("theirs (fen)"))
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("step of a difference")
        verbose_name_plural = _("steps of differences")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.difference_id} {self.state}"
