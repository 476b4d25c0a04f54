"""What each merchant's settlement files were when they were made."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from settlement.models.clearing import Statement

MANIFEST_FORM = b"citizencard settlement files 1\n"
"""What a signed manifest begins with."""


class SettlementFiles(models.Model):
    """The signed manifest of a statement's files: their names, lengths, totals and SHA-256. The files are made again when asked for.

    Append-only by trigger: files that came out differently one day would be noticed.
    """

    statement = models.OneToOneField(
        Statement, models.PROTECT, related_name="files", verbose_name=_("settlement statement")
    )
    manifest = models.BinaryField(_("manifest"))
    seed = models.PositiveSmallIntegerField(_("version of the seed"))
    public_key = models.BinaryField(_("public key"), max_length=32)
    signature = models.BinaryField(_("signature"), max_length=64)

    class Meta:
        verbose_name = _("signed settlement files")
        verbose_name_plural = _("signed settlement files")
        default_permissions = ("view",)
        indexes = [models.Index(fields=["seed"], name="settlement_files_by_seed")]

    def __str__(self) -> str:
        return str(self.statement)
