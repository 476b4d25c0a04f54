"""What people ask about their data, and the rules by which they are answered."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import DataAccess
from citizencard.core.two_people import Proposed


class PrivacyRule(Proposed):
    """How long something takes or is kept, from a date on: made by one person, approved by another.

    `days` are working days for a clock, and days for what is kept. The newest approved one that has begun holds.
    """

    class Subject(models.TextChoices):
        QUESTION = "question", _("answer to a question about an access")

    CLOCKS: ClassVar = (Subject.QUESTION,)

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
    answer = models.CharField(_("answer"), max_length=500, blank=True)

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
