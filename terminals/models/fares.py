"""Published fares: the dated documents of `terminals.fares`, kept as the bytes everybody can check.

There is one table of them. Tariffs are those of sort `tariff`; `Tariff` reads them as terminals know them.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from citizencard.core.two_people import MadeAndChecked
from terminals.fares.words import named


class FareProposal(MadeAndChecked):
    """Documents that somebody wants published together; somebody else publishes or refuses all of them."""

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        PUBLISHED = "published", _("published")
        REFUSED = "refused", _("refused")

    documents = models.JSONField(_("documents"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    state = FSMField(_("state"), max_length=9, choices=State.choices, default=State.PROPOSED, protected=True)

    class Meta(MadeAndChecked.Meta):
        verbose_name = _("fare proposal")
        verbose_name_plural = _("fare proposals")
        permissions = [
            ("propose_fares", _("Propose fares, and withdraw those still to come")),
            ("publish_fares", _("Publish or refuse fares that somebody else has proposed")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(maker=models.F("checker")), name="fare_maker_is_not_checker"
            ),
            models.CheckConstraint(
                condition=models.Q(state="proposed", checker="", checked_at=None)
                | (
                    models.Q(state__in=["published", "refused"], checked_at__isnull=False)
                    & ~models.Q(checker="")
                ),
                name="fare_proposal_decided_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @transition(field=state, source=State.PROPOSED, target=State.PUBLISHED)
    def publish(self) -> None:
        """A second person lets it stand."""

    @transition(field=state, source=State.PROPOSED, target=State.REFUSED)
    def refuse(self) -> None:
        """A second person sends it back for good."""


class FareDocument(models.Model):
    """One version of one rule, as published: `canonical` are its bytes, `digest` their SHA-256, the rest repeats them.

    Nothing of it ever changes. One that has not begun may be withdrawn, once; its version stays used.
    """

    class Sort(models.TextChoices):
        TARIFF = "tariff", _("tariff")
        TRANSFER = "transfer", _("transfer discount")
        CONCESSION = "concession", _("concession")
        CAP = "cap", _("fare cap")
        INCOMPLETE = "incomplete", _("incomplete journeys")
        SUBSIDY = "subsidy", _("fare subsidy")

    sort = models.CharField(_("sort"), max_length=10, choices=Sort.choices)
    code = models.CharField(_("code"), max_length=64)
    version = models.PositiveIntegerField(_("version"))
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    legal_basis = models.CharField(_("legal basis"), max_length=500)
    canonical = models.BinaryField(_("canonical bytes"))
    digest = models.BinaryField(_("SHA-256"), max_length=32)
    proposal = models.ForeignKey(
        FareProposal, models.PROTECT, related_name="published", verbose_name=_("fare proposal")
    )
    published_by = models.CharField(_("published by"), max_length=100)
    published_at = models.DateTimeField(_("published at"), db_default=Now(), editable=False)
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True, blank=True)
    withdrawn_by = models.CharField(_("withdrawn by"), max_length=100, blank=True, default="", db_default="")
    withdrawn_reason = models.CharField(_("reason"), max_length=200, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("fare document")
        verbose_name_plural = _("fare documents")
        constraints = [
            models.UniqueConstraint(fields=["code", "version"], name="fare_version_once"),
            models.UniqueConstraint(
                fields=["code", "valid_from"],
                condition=models.Q(withdrawn_at=None),
                name="fare_one_version_a_date",
            ),
            models.CheckConstraint(
                condition=models.Q(valid_until=None) | models.Q(valid_until__gte=models.F("valid_from")),
                name="fare_validity_order",
            ),
            models.CheckConstraint(
                condition=models.Q(withdrawn_at=None, withdrawn_by="", withdrawn_reason="")
                | (
                    models.Q(withdrawn_at__isnull=False)
                    & ~models.Q(withdrawn_by="")
                    & ~models.Q(withdrawn_reason="")
                ),
                name="fare_withdrawn_by_somebody_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version} ({self.valid_from})"

    @property
    def content(self) -> dict[str, Any]:
        """The document's JSON."""
        parsed: dict[str, Any] = json.loads(bytes(self.canonical))
        return parsed

    @property
    def name(self) -> str:
        """In the reader's language, or the first it has."""
        return named(self.content["name"], get_language() or "")

    @property
    def sha256(self) -> str:
        """The digest in hexadecimal."""
        return bytes(self.digest).hex()


class Tariff(models.Model):
    """A published tariff as terminals fetch it: the fare documents of sort `tariff` that are not withdrawn. A view."""

    code = models.CharField(_("code"), max_length=64)
    version = models.PositiveIntegerField(_("version"))
    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(_("kind"), max_length=10)
    rule = models.JSONField(_("rule"))
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(_("valid until"), null=True)
    legal_basis = models.CharField(_("legal basis"), max_length=500)

    class Meta:
        managed = False
        default_permissions = ()
        db_table = "terminals_tariff"
        verbose_name = _("tariff")
        verbose_name_plural = _("tariffs")

    def __str__(self) -> str:
        return f"{self.name} ({self.valid_from})"
