"""What everyone stands on: business days and the audit trail."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final, Literal

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

AUDIT_HEAD_FORM: Final = b"citizencard audit head 1\n"
"""What the signed head of the audit trail begins with."""


class CounterRanges(models.Field):  # type: ignore[type-arg]  # holds no Python value
    """A PostgreSQL multirange: the set of counters seen, gaps and all, in one value. Written and read in SQL only."""

    def __init__(self, *args: object, element: Literal["int4", "int8"] = "int4", **kwargs: object) -> None:
        self.element = element
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed through

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "element": self.element}

    def db_type(self, connection: object) -> str:
        return f"{self.element}multirange"


class BusinessDay(models.Model):
    """A settlement window, named by its Asia/Shanghai date.

    Exactly one day is open; every posting is assigned to it under a shared advisory lock. Closing takes the exclusive
    lock, so a closing day has seen its last tap. A closed day is sealed: a trigger refuses new transfers for it.
    """

    class State(models.TextChoices):
        OPEN = "open", _("open")
        CLOSING = "closing", _("closing")
        CLOSED = "closed", _("closed")

    date = models.DateField(_("business date"), primary_key=True)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.OPEN)
    opened_at = models.DateTimeField(_("opened at"), auto_now_add=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("business day")
        verbose_name_plural = _("business days")
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="open"), name="one_open_business_day"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["open", "closing", "closed"]), name="business_day_state_known"
            ),
        ]

    def __str__(self) -> str:
        return self.date.isoformat()


class AuditEntry(models.Model):
    """Who did or saw what. Append-only by trigger; each row carries the hash of the one before it."""

    at = models.DateTimeField(_("at"), default=timezone.now, editable=False)
    actor = models.CharField(_("actor"), max_length=150)
    action = models.CharField(_("action"), max_length=60)
    subject = models.CharField(_("subject"), max_length=100)
    detail = models.JSONField(_("detail"), default=dict)
    ip = models.GenericIPAddressField(_("IP address"), null=True, blank=True)
    previous_hash = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32, unique=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        indexes = [
            models.Index(fields=["actor", "-id"], name="audit_by_actor"),
            models.Index(fields=["subject", "-id"], name="audit_of_subject"),
            models.Index(fields=["at"], name="audit_at"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%F %T} {self.actor} {self.action} {self.subject}"


class AuditHead(models.Model):
    """Where the audit trail stood when a date of Asia/Shanghai was over, signed by the key service. Append-only by trigger.

    `position` counts the entries up to the date's newest, which is `entry` (0 for an empty trail) with the hash `entry_hash`.
    `previous` is the digest of the head before: heads are a chain of their own, one for every date.
    """

    date = models.DateField(_("date"), primary_key=True)
    position = models.PositiveBigIntegerField(_("entries"))
    entry = models.BigIntegerField(_("newest entry"))
    entry_hash = models.BinaryField(max_length=32)
    previous = models.BinaryField(max_length=32)
    made_at = models.DateTimeField(_("made at"))
    public_key = models.BinaryField(max_length=32)
    signature = models.BinaryField(max_length=64)

    class Meta:
        verbose_name = _("signed head of the audit trail")
        verbose_name_plural = _("signed heads of the audit trail")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.date.isoformat()

    @property
    def content(self) -> dict[str, Any]:
        """What is signed, as it is handed out."""
        return {
            "date": self.date.isoformat(),
            "position": self.position,
            "id": self.entry,
            "hash": bytes(self.entry_hash).hex(),
            "previous": bytes(self.previous).hex(),
            "at": self.made_at.astimezone(UTC).isoformat(timespec="microseconds"),
        }

    @property
    def statement(self) -> bytes:
        """The bytes that are signed."""
        return AUDIT_HEAD_FORM + json.dumps(self.content, sort_keys=True, separators=(",", ":")).encode()

    @property
    def digest(self) -> bytes:
        """What the next head names as the one before."""
        return hashlib.sha256(self.statement).digest()

    @property
    def line(self) -> str:
        """One line of JSON to be kept elsewhere: content, public key and signature."""
        signed = {"public_key": bytes(self.public_key).hex(), "signature": bytes(self.signature).hex()}
        return json.dumps(self.content | signed, sort_keys=True)
