"""What a clearing run consists of: parts that whoever is free takes, each done once."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from settlement.models.clearing import ClearingRun


class ClearingPart(models.Model):
    """One part of a step of a run. Whoever holds its row does it; the work and `done_at` commit together.

    A worker that dies lets go of the row, and the next one finds the part undone. `findings` are what a recheck or a check
    found broken, as text; such a part is done again when the run is.
    """

    class Step(models.TextChoices):
        CUT_OFF = "cut_off", _("cut off")
        RECHECK = "recheck", _("recheck")
        NET = "net", _("net")
        POST = "post", _("post")
        CHECK = "check", _("check")
        SEAL = "seal", _("seal")

    run = models.ForeignKey(ClearingRun, models.PROTECT, related_name="parts", verbose_name=_("clearing run"))
    step = models.CharField(_("step"), max_length=10, choices=Step.choices)
    name = models.CharField(_("part"), max_length=40, blank=True)
    worker = models.CharField(_("worker"), max_length=80, blank=True)
    seconds = models.FloatField(_("seconds"), null=True)
    done_at = models.DateTimeField(_("done at"), null=True)
    findings = models.JSONField(_("findings"), default=list)
    unchecked = models.PositiveBigIntegerField(_("not checkable"), default=0, db_default=0)
    """Taps whose TACs no key can prove any more: taken in before key versions were kept, or of a key out of use."""

    class Meta:
        verbose_name = _("part of a clearing run")
        verbose_name_plural = _("parts of clearing runs")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["run", "step", "name"], name="clearing_part_once"),
            models.CheckConstraint(
                condition=models.Q(done_at=None, seconds=None, worker="")
                | models.Q(done_at__isnull=False, seconds__gte=0) & ~models.Q(worker=""),
                name="clearing_part_done_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.step} {self.name}".strip()
