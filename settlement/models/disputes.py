"""Disputes 争议: what a holder does not accept of a charge, by which clock it is decided, on which evidence, by whom."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_fsm import FSMField, transition

from accounts.models import DisputedCharge
from citizencard.core.states import StatefulModel
from settlement.models.proposals import Proposal
from terminals.models import Merchant


class DisputeKind(models.TextChoices):
    """What the holder says is wrong."""

    NOT_MINE = "not_mine", pgettext_lazy("dispute", "not mine")
    TWICE = "twice", pgettext_lazy("dispute", "charged twice")
    AMOUNT = "amount", pgettext_lazy("dispute", "wrong amount")
    NOT_GIVEN = "not_given", pgettext_lazy("dispute", "service not given")
    RIDE_OPEN = "ride_open", pgettext_lazy("dispute", "ride not ended")
    TOP_UP = "top_up", pgettext_lazy("dispute", "top-up not arrived")


class DisputePolicy(models.Model):
    """The clock of a kind of dispute and what is done meanwhile, from a date on. Append-only by trigger, two people's.

    Days of the clock are working days; `file_days`, how long after the charge it may be disputed, are days.
    `advance_up_to_fen` bounds all advances of a card together; from `two_people_from_fen` on two people decide.
    """

    kind = models.CharField(_("kind"), max_length=9, choices=DisputeKind.choices)
    valid_from = models.DateField(_("valid from"))
    file_days = models.PositiveSmallIntegerField(_("may be disputed for (days)"))
    evidence_days = models.PositiveSmallIntegerField(_("working days for evidence"))
    decide_days = models.PositiveSmallIntegerField(_("working days to decide"))
    appeal_days = models.PositiveSmallIntegerField(_("working days to appeal"))
    advance_up_to_fen = models.BigIntegerField(_("advanced up to (fen)"))
    two_people_from_fen = models.BigIntegerField(_("decided by two people from (fen)"))
    legal_basis = models.CharField(_("legal basis"), max_length=200)
    proposal = models.OneToOneField(
        Proposal, models.PROTECT, related_name="dispute_policy", verbose_name=_("settlement proposal")
    )

    class Meta:
        verbose_name = _("dispute policy")
        verbose_name_plural = _("dispute policies")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["kind", "valid_from"], name="one_dispute_policy_per_date"),
            models.CheckConstraint(
                condition=~models.Q(legal_basis="")
                & models.Q(evidence_days__gte=1, decide_days__gte=models.F("evidence_days"), appeal_days__gte=1)
                & models.Q(advance_up_to_fen__gte=0, two_people_from_fen__gte=0),
                name="dispute_policy_says_what_and_why",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} ({self.valid_from})"


class Dispute(StatefulModel):
    """One case about one charge. Opened → evidence asked → evidence given → granted, or refused → appealed → granted or closed.

    `decide_by` is what the holder was promised, `due_on` the day by which the present state is left; what happens then is a rule's (`settle_due`). Nobody refuses without
    evidence on file: the burden of proof is ours. `facts` is what the system knew by itself at the opening, figures and codes.
    """

    class State(models.TextChoices):
        OPENED = "opened", pgettext_lazy("dispute", "taken in")
        ASKED = "asked", pgettext_lazy("dispute", "evidence asked for")
        ANSWERED = "answered", pgettext_lazy("dispute", "evidence given")
        GRANTED = "granted", pgettext_lazy("dispute", "decided for the holder")
        REFUSED = "refused", pgettext_lazy("dispute", "decided against the holder")
        APPEALED = "appealed", pgettext_lazy("dispute", "appealed")
        CLOSED = "closed", pgettext_lazy("dispute", "closed")

    ENDED = (State.GRANTED, State.CLOSED)
    STEPS = ("state", "due_on", "asked_at", "closed_at")
    """What its steps write; nothing else of a row ever changes."""

    number = models.CharField(_("tracking number"), max_length=32, unique=True)
    kind = models.CharField(_("kind"), max_length=9, choices=DisputeKind.choices)
    charge = models.OneToOneField(
        DisputedCharge, models.PROTECT, related_name="dispute", verbose_name=_("disputed charge")
    )
    merchant = models.ForeignKey(
        Merchant, models.PROTECT, null=True, blank=True, related_name="disputes", verbose_name=_("merchant")
    )
    place = models.CharField(_("place"), max_length=100, blank=True)
    charged_fen = models.BigIntegerField(_("charged (fen)"))
    policy = models.ForeignKey(DisputePolicy, models.PROTECT, verbose_name=_("policy"))
    facts = models.JSONField(_("facts"), default=dict)
    opened_by = models.CharField(_("opened by"), max_length=100)
    opened_at = models.DateTimeField(_("opened at"))
    state = FSMField(_("state"), max_length=8, choices=State.choices, default=State.OPENED, protected=True)
    decide_by = models.DateField(_("promised by"))
    due_on = models.DateField(_("due on"), null=True)
    asked_at = models.DateTimeField(_("evidence asked for at"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        default_permissions = ("view",)
        permissions = [
            ("handle_dispute", _("Open disputes, ask for evidence and file it")),
            ("decide_dispute", _("Decide disputes, and what somebody else has proposed for one")),
        ]
        indexes = [
            models.Index(fields=["due_on"], condition=models.Q(closed_at=None), name="dispute_due"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["granted", "closed"], due_on=None, closed_at__isnull=False)
                | models.Q(
                    state__in=["opened", "asked", "answered", "refused", "appealed"],
                    due_on__isnull=False,
                    closed_at=None,
                ),
                name="dispute_under_way_has_a_clock",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @transition(field=state, source=State.OPENED, target=State.ASKED)
    def ask(self, at: datetime) -> None:
        """Whoever was paid has to show that the charge is right."""
        self.asked_at = at

    @transition(field=state, source=[State.OPENED, State.ASKED], target=State.ANSWERED)
    def answer(self) -> None:
        """There is evidence for the charge; people decide."""
        self.due_on = self.decide_by

    @transition(
        field=state,
        source=[State.OPENED, State.ASKED, State.ANSWERED, State.APPEALED],
        target=State.GRANTED,
    )
    def grant(self, at: datetime) -> None:
        """The holder is right, for good."""
        self.due_on, self.closed_at = None, at

    @transition(field=state, source=State.ANSWERED, target=State.REFUSED)
    def refuse(self, due_on: date) -> None:
        """The charge is shown to be right; the holder may appeal."""
        self.due_on = due_on

    @transition(field=state, source=State.REFUSED, target=State.APPEALED)
    def appeal(self, due_on: date) -> None:
        """The holder wants somebody else to look again."""
        self.due_on = due_on

    @transition(field=state, source=[State.REFUSED, State.APPEALED], target=State.CLOSED)
    def close(self, at: datetime) -> None:
        """The charge stands, for good."""
        self.due_on, self.closed_at = None, at


class DisputeEvidence(models.Model):
    """What somebody has brought forward, words and perhaps a file; both sealed for this row. Append-only by trigger.

    `file_kind` was told by the content, not by the name; `digest` is the SHA-256 of the file.
    """

    class Party(models.TextChoices):
        HOLDER = "holder", pgettext_lazy("evidence", "the holder")
        MERCHANT = "merchant", pgettext_lazy("evidence", "the merchant")
        CENTRE = "centre", pgettext_lazy("evidence", "the centre")

    class FileKind(models.TextChoices):
        NONE = "", _("no file")
        PDF = "pdf", "PDF"
        JPEG = "jpeg", "JPEG"
        PNG = "png", "PNG"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dispute = models.ForeignKey(Dispute, models.PROTECT, related_name="evidence", verbose_name=_("dispute"))
    party = models.CharField(_("brought by"), max_length=8, choices=Party.choices)
    actor = models.CharField(_("filed by"), max_length=100)
    filed_at = models.DateTimeField(_("filed at"))
    words_sealed = models.BinaryField(_("words"), null=True)
    file_sealed = models.BinaryField(_("file"), null=True)
    file_kind = models.CharField(_("kind of file"), max_length=4, choices=FileKind.choices, blank=True)
    file_bytes = models.PositiveIntegerField(_("size (bytes)"), default=0, db_default=0)
    digest = models.BinaryField(_("SHA-256"), max_length=32, null=True, editable=False)

    class Meta:
        verbose_name = _("evidence of a dispute")
        verbose_name_plural = _("evidence of disputes")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=models.Q(file_kind="", file_sealed=None, file_bytes=0, digest=None)
                | models.Q(file_kind__in=["pdf", "jpeg", "png"], file_sealed__isnull=False, file_bytes__gt=0,
                           digest__isnull=False),
                name="evidence_file_is_whole",
            ),
            models.CheckConstraint(
                condition=models.Q(words_sealed__isnull=False) | models.Q(file_sealed__isnull=False),
                name="evidence_says_something",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.dispute_id} {self.party}"


class DisputeDecision(StatefulModel):
    """What was decided, or proposed and waits for a second person, with the reason that the holder reads.

    `rule` is people's, or that of the clock: no evidence in time, or not decided in time. The database lets nobody approve what
    they have proposed, and keeps a decision that takes two from having one.
    """

    class Outcome(models.TextChoices):
        GRANT = "grant", pgettext_lazy("dispute", "for the holder")
        REFUSE = "refuse", pgettext_lazy("dispute", "against the holder")
        WRITE_OFF = "write_off", pgettext_lazy("dispute", "write the credit off")

    class Bearer(models.TextChoices):
        NOBODY = "", "–"
        MERCHANT = "merchant", pgettext_lazy("dispute", "the merchant")
        CENTRE = "centre", pgettext_lazy("dispute", "the centre")

    class Rule(models.TextChoices):
        PEOPLE = "people", pgettext_lazy("dispute", "decided by people")
        NO_EVIDENCE = "no_evidence", pgettext_lazy("dispute", "no evidence in time")
        NOT_DECIDED = "not_decided", pgettext_lazy("dispute", "not decided in time")

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        DONE = "done", pgettext_lazy("decision", "decided")
        REJECTED = "rejected", pgettext_lazy("decision", "rejected")
        LAPSED = "lapsed", pgettext_lazy("decision", "lapsed")

    dispute = models.ForeignKey(Dispute, models.PROTECT, related_name="decisions", verbose_name=_("dispute"))
    outcome = models.CharField(_("decision"), max_length=9, choices=Outcome.choices)
    bearer = models.CharField(_("borne by"), max_length=8, choices=Bearer.choices, blank=True)
    rule = models.CharField(_("rule"), max_length=11, choices=Rule.choices)
    reason = models.CharField(_("reason"), max_length=500)
    by_two = models.BooleanField(_("takes two people"))
    on_appeal = models.BooleanField(_("on appeal"))
    state = FSMField(_("state"), max_length=8, choices=State.choices, default=State.PROPOSED, protected=True)
    maker = models.CharField(_("decided by"), max_length=100)
    made_at = models.DateTimeField(_("decided at"))
    checker = models.CharField(_("checked by"), max_length=100, blank=True, default="", db_default="")
    checked_at = models.DateTimeField(_("checked at"), null=True, blank=True)
    answer = models.CharField(_("why rejected"), max_length=200, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("decision of a dispute")
        verbose_name_plural = _("decisions of disputes")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=models.Q(outcome="grant", bearer__in=["merchant", "centre"])
                | models.Q(outcome__in=["refuse", "write_off"], bearer="", rule="people"),
                name="decision_says_who_bears_it",
            ),
            models.CheckConstraint(
                condition=models.Q(state="proposed", by_two=True, checker="", checked_at=None)
                | models.Q(state="done", by_two=False, checker="", checked_at=None)
                | models.Q(state="done", by_two=True, checked_at__isnull=False) & ~models.Q(checker="")
                | models.Q(state="rejected", checked_at__isnull=False) & ~models.Q(checker="")
                | models.Q(state="lapsed", checker="", checked_at__isnull=False),
                name="decision_of_two_has_two",
            ),
            models.CheckConstraint(
                condition=~models.Q(maker=models.F("checker")), name="decision_maker_is_not_checker"
            ),
            models.CheckConstraint(condition=~models.Q(reason=""), name="decision_has_a_reason"),
            models.UniqueConstraint(
                fields=["dispute"], condition=models.Q(state="proposed"), name="one_decision_proposed"
            ),
            models.UniqueConstraint(
                fields=["dispute", "outcome", "on_appeal"],
                condition=models.Q(state="done"),
                name="decided_once_each_time",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.dispute_id} {self.outcome}"

    @transition(field=state, source=State.PROPOSED, target=State.DONE)
    def carry_out(self) -> None:
        """Everybody who has to has agreed."""

    @transition(field=state, source=State.PROPOSED, target=State.REJECTED)
    def reject(self) -> None:
        """A second person does not agree."""

    @transition(field=state, source=State.PROPOSED, target=State.LAPSED)
    def lapse(self) -> None:
        """The clock was faster."""
