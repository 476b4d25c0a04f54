"""What people ask about their data, and the rules by which they are answered."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_fsm import FSMField, transition

from accounts.models import Citizen, DataAccess
from citizencard.core.states import StatefulModel
from citizencard.core.two_people import Proposed


class PrivacyRule(Proposed):
    """How long something takes or is kept, from a date on: made by one person, approved by another.

    `days` are working days for a clock, and days for what is kept. The newest approved one that has begun holds.
    """

    class Subject(models.TextChoices):
        QUESTION = "question", _("answer to a question about an access")
        ERASURE = "erasure", _("erasure that somebody asked for")
        CORRECTION = "correction", _("correction that somebody asked for")
        ATTEMPTS = "attempts", _("sign-in attempts")
        SESSIONS = "sessions", _("sessions that have ended")
        PAIRING = "pairing", _("codes for workstations that nobody used")
        NOTICES = "notices", _("messages to citizens")
        PLACES = "places", _("places of trips, as the holder sees them")

    subject = models.CharField(_("what for"), max_length=20, choices=Subject.choices)
    valid_from = models.DateField(_("valid from"))
    days = models.PositiveIntegerField(_("days"))
    legal_basis = models.CharField(_("legal basis"), max_length=200)

    class Meta(Proposed.Meta):
        verbose_name = _("rule about personal data")
        verbose_name_plural = _("rules about personal data")
        default_permissions = ("view",)
        permissions = [
            ("propose_privacyrule", _("Propose rules about personal data")),
            ("approve_privacyrule", _("Approve rules about personal data")),
        ]
        constraints = [
            *Proposed.Meta.constraints,
            models.UniqueConstraint(
                fields=["subject", "valid_from"],
                condition=models.Q(state="approved"),
                name="one_privacy_rule_per_date",
            ),
            models.CheckConstraint(
                condition=models.Q(days__gte=1) & ~models.Q(legal_basis=""),
                name="privacy_rule_says_what_and_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_subject_display()} {self.valid_from}"


class LegalHold(models.Model):
    """Nothing of a kind, or nothing of a person, is removed while this stands: a court, an audit, a dispute needs it.

    Placed by one person, released by another; the database keeps who.
    """

    subject = models.CharField(
        _("what for"),
        max_length=20,
        choices=PrivacyRule.Subject.choices,
        blank=True,
        help_text=_("empty: everything"),
    )
    citizen = models.ForeignKey(
        Citizen, models.PROTECT, null=True, blank=True, related_name="legal_holds", verbose_name=_("citizen")
    )
    reason = models.CharField(_("reason"), max_length=200)
    placed_by = models.CharField(_("placed by"), max_length=150)
    placed_at = models.DateTimeField(_("placed at"))
    released_by = models.CharField(_("released by"), max_length=150, blank=True)
    released_at = models.DateTimeField(_("released at"), null=True, blank=True)

    class Meta:
        verbose_name = _("legal hold")
        verbose_name_plural = _("legal holds")
        default_permissions = ("view",)
        permissions = [("place_legalhold", _("Place and release legal holds"))]
        constraints = [
            models.CheckConstraint(condition=~models.Q(reason=""), name="legal_hold_has_a_reason"),
            models.CheckConstraint(
                condition=models.Q(released_at=None, released_by="")
                | models.Q(released_at__isnull=False)
                & ~models.Q(released_by="")
                & ~models.Q(released_by=models.F("placed_by")),
                name="legal_hold_released_by_another",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_subject_display()} {self.reason}".strip()


class AccessQuestion(models.Model):
    """A person asks why their data were looked at. It is answered by `due_on`, and not by who looked (`seen_by`)."""

    access = models.OneToOneField(
        DataAccess, models.PROTECT, primary_key=True, related_name="question", verbose_name=_("access")
    )
    seen_by = models.CharField(_("seen by"), max_length=150)
    asked_at = models.DateTimeField(_("asked at"))
    due_on = models.DateField(_("due on"))
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)
    answered_by = models.CharField(_("answered by"), max_length=150, blank=True)
    answer = models.CharField(pgettext_lazy("personal data", "answer"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("question about an access")
        verbose_name_plural = _("questions about access")
        default_permissions = ("view",)
        permissions = [("answer_accessquestion", _("Answer questions about access to personal data"))]
        indexes = [
            models.Index(fields=["due_on"], condition=models.Q(answered_at=None), name="access_question_open")
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(answered_at=None, answered_by="", answer="")
                | models.Q(answered_at__isnull=False) & ~models.Q(answered_by="") & ~models.Q(answer=""),
                name="access_question_answered_whole",
            ),
            models.CheckConstraint(
                condition=~models.Q(answered_by=models.F("seen_by")),
                name="access_question_answered_by_another",
            ),
        ]

    def __str__(self) -> str:
        return str(self.access)


class CorrectionRequest(models.Model):
    """A person says that something on record about them is wrong. It is put right on a proof, or answered why not, by `due_on`.

    What would be right is not kept here: it is told where the proof is shown.
    """

    class Field(models.TextChoices):
        NAME = "name", pgettext_lazy("person", "name")
        DOCUMENT = "document", _("document number")
        PHONE = "phone", _("phone")
        BIRTH = "birth", _("birth date")

    citizen = models.ForeignKey(
        Citizen, models.PROTECT, related_name="correction_requests", verbose_name=_("citizen")
    )
    field = models.CharField(_("data"), max_length=10, choices=Field.choices)
    made_by = models.CharField(_("asked for by"), max_length=150)
    made_at = models.DateTimeField(_("asked at"))
    due_on = models.DateField(_("due on"))
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)
    answered_by = models.CharField(_("answered by"), max_length=150, blank=True)
    answer = models.CharField(pgettext_lazy("personal data", "answer"), max_length=500, blank=True)

    class Meta:
        verbose_name = pgettext_lazy("personal data", "correction")
        verbose_name_plural = _("corrections")
        default_permissions = ("view",)
        permissions = [("answer_correctionrequest", _("Answer requests to correct personal data"))]
        constraints = [
            models.UniqueConstraint(
                fields=["citizen", "field"],
                condition=models.Q(answered_at=None),
                name="one_correction_under_way",
            ),
            models.CheckConstraint(
                condition=models.Q(answered_at=None, answered_by="", answer="")
                | models.Q(answered_at__isnull=False) & ~models.Q(answered_by="") & ~models.Q(answer=""),
                name="correction_answered_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.citizen_id} {self.get_field_display()}"


class ErasureRequest(StatefulModel):
    """Somebody asks to be erased. One member of staff has checked that it is them, another carries it out, or refuses with a reason.

    `due_on` is what they were promised. Who asked (`made_by`) is the person's login, or the clerk at the counter.
    """

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("erasure", "to be checked")
        CHECKED = "checked", pgettext_lazy("erasure", "checked, to be carried out")
        DONE = "done", pgettext_lazy("erasure", "carried out")
        REFUSED = "refused", pgettext_lazy("erasure", "refused")

    UNDER_WAY: ClassVar = (State.OPEN, State.CHECKED)

    citizen = models.ForeignKey(
        Citizen, models.PROTECT, related_name="erasure_requests", verbose_name=_("citizen")
    )
    made_by = models.CharField(_("asked for by"), max_length=150)
    made_at = models.DateTimeField(_("asked at"))
    due_on = models.DateField(_("due on"))
    state = FSMField(_("state"), max_length=7, choices=State.choices, default=State.OPEN, protected=True)
    checked_by = models.CharField(_("checked by"), max_length=150, blank=True)
    checked_at = models.DateTimeField(_("checked at"), null=True, blank=True)
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    answer = models.CharField(_("why refused"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        default_permissions = ("view",)
        permissions = [
            ("check_erasurerequest", _("Take in and check requests to be erased")),
            ("approve_erasurerequest", _("Erase people, or refuse it")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["citizen"],
                condition=models.Q(state__in=["open", "checked"]),
                name="one_erasure_under_way",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="done")
                | models.Q(checked_at__isnull=False, decided_at__isnull=False)
                & ~models.Q(checked_by="")
                & ~models.Q(decided_by="")
                & ~models.Q(decided_by=models.F("checked_by"))
                & ~models.Q(decided_by=models.F("made_by")),
                name="erasure_by_two",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="refused") | ~models.Q(answer="") & ~models.Q(decided_by=""),
                name="erasure_refused_with_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.citizen_id} {self.get_state_display()}"

    @transition(field=state, source=State.OPEN, target=State.CHECKED)
    def check_person(self, by: str, at: datetime) -> None:
        """It is them, and they mean it."""
        self.checked_by, self.checked_at = by, at

    @transition(field=state, source=State.CHECKED, target=State.DONE)
    def carry_out(self, by: str, at: datetime) -> None:
        """They are erased."""
        self.decided_by, self.decided_at = by, at

    @transition(field=state, source=UNDER_WAY, target=State.REFUSED)
    def refuse(self, by: str, at: datetime, answer: str) -> None:
        """The law keeps them, or it is not them."""
        self.decided_by, self.decided_at, self.answer = by, at, answer
