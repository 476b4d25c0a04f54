"""What happens to a card besides its life cycle: suspicion of tampering, damage."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.cards import Card


class CardFlag(models.Model):
    """A suspicion against a card, with its evidence. While open, nothing is paid out; a person clears it.

    `evidence` holds amounts (fen) and counters as found, or the `alert` that a person confirmed; never keys or personal data.
    """

    class Kind(models.TextChoices):
        TAMPERED = "tampered", _("chip tampered with")
        RISK = "risk", _("risk alert confirmed")

    card = models.ForeignKey(Card, models.PROTECT, related_name="flags", verbose_name=_("card"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    evidence = models.JSONField(_("evidence"))
    raised_by = models.CharField(_("raised by"), max_length=100)
    raised_at = models.DateTimeField(_("raised at"))
    cleared_by = models.CharField(_("cleared by"), max_length=100, blank=True)
    cleared_at = models.DateTimeField(_("cleared at"), null=True, blank=True)
    cleared_reason = models.CharField(_("why it was cleared"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("card flag")
        verbose_name_plural = _("card flags")
        constraints = [
            models.UniqueConstraint(
                fields=["card", "kind"], condition=models.Q(cleared_at=None), name="one_open_flag_of_a_kind"
            ),
            models.CheckConstraint(
                condition=models.Q(cleared_at=None, cleared_by="", cleared_reason="")
                | models.Q(cleared_at__isnull=False)
                & ~models.Q(cleared_by="")
                & ~models.Q(cleared_reason=""),
                name="card_flag_cleared_by_somebody_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.card_id} {self.kind}"


class CardDamage(models.Model):
    """Damage by the holder, found when the card came back: the only thing that takes from a deposit. Append-only."""

    card = models.OneToOneField(Card, models.PROTECT, related_name="damage", verbose_name=_("card"))
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    finding = models.CharField(_("finding"), max_length=200)
    rule = models.CharField(_("rule"), max_length=200)
    actor = models.CharField(_("actor"), max_length=100)
    occurred_at = models.DateTimeField(_("occurred at"))

    class Meta:
        verbose_name = _("card damage")
        verbose_name_plural = _("card damages")
        constraints = [
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="card_damage_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.card_id} {self.amount_fen}"
