"""What everyone stands on: business days and the audit trail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


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
    actor = models.CharField(_("actor"), max_length=100)
    action = models.CharField(_("action"), max_length=60)
    subject = models.CharField(_("subject"), max_length=100)
    detail = models.JSONField(_("detail"), default=dict)
    ip = models.GenericIPAddressField(_("IP address"), null=True, blank=True)
    previous_hash = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32, unique=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")

    def __str__(self) -> str:
        return f"{self.at:%F %T} {self.actor} {self.action} {self.subject}"
