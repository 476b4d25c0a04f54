"""What the payment gateway told us: each signed message once, with what came of it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class GatewayEvent(models.Model):
    """A message about a payment, a refund or a mandate, written in the transaction of its effect. Append-only by trigger.

    A message seen before does nothing. One that contradicts our orders, or has the id of an earlier message and says
    something else, is evidence: it moved nothing, and `fault` names the field. What we learned by asking is kept likewise
    when it is evidence, under an id of our own.
    """

    class Outcome(models.TextChoices):
        BOOKED = "booked", _("booked")
        IGNORED = "ignored", _("nothing to do")
        MISMATCH = "mismatch", _("contradiction")

    OTHER_CONTENT = "content"
    """The fault of a message that uses another one's id."""

    event_id = models.CharField(_("event"), max_length=255)
    kind = models.CharField(_("kind"), max_length=255)
    object_id = models.CharField(_("object at the gateway"), max_length=255, blank=True, db_index=True)
    digest = models.BinaryField(_("SHA-256"), max_length=32, editable=False)
    outcome = models.CharField(_("outcome"), max_length=8, choices=Outcome.choices)
    fault = models.CharField(_("contradicts in"), max_length=20, blank=True)
    reference = models.CharField(_("our reference"), max_length=255, blank=True)
    amount_fen = models.BigIntegerField(_("amount (fen)"), null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=255, blank=True)
    received_at = models.DateTimeField(_("received at"), auto_now_add=True)

    class Meta:
        verbose_name = _("message of the gateway")
        verbose_name_plural = _("messages of the gateway")
        constraints = [
            models.UniqueConstraint(
                fields=["event_id"],
                condition=~models.Q(fault="content"),
                name="gateway_event_once",
            ),
            models.UniqueConstraint(fields=["event_id", "digest"], name="gateway_event_content_once"),
            models.CheckConstraint(
                condition=models.Q(outcome="mismatch", fault__gt="")
                | models.Q(outcome__in=["booked", "ignored"], fault=""),
                name="gateway_event_mismatch_names_fault",
            ),
        ]

    def __str__(self) -> str:
        return self.event_id
