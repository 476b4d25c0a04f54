"""The PCs whose readers the server may use, and the codes by which they become known."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class Workstation(models.Model):
    """A clerk's or kiosk's PC. Its agent proves itself with the private half of `public_key` (Ed25519, 32 bytes)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("workstation"), max_length=60)
    public_key = models.BinaryField(max_length=32)
    paired_by = models.CharField(_("paired by"), max_length=150)
    paired_at = models.DateTimeField(_("paired at"))
    seen_at = models.DateTimeField(_("last seen"), null=True, blank=True)
    revoked_by = models.CharField(_("revoked by"), max_length=150, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)

    class Meta:
        verbose_name = _("workstation")
        verbose_name_plural = _("workstations")
        default_permissions = ("view",)
        permissions = [
            ("pair_workstation", _("Pair a workstation with the server")),
            ("revoke_workstation", _("Revoke a workstation")),
            ("use_reader", _("Use the card reader of a workstation")),
        ]

    def __str__(self) -> str:
        return self.name


class PairingCode(models.Model):
    """A one-time code that a clerk has asked for. Only a keyed digest of it is kept."""

    digest = models.CharField(max_length=64, unique=True)
    name = models.CharField(_("workstation"), max_length=60)
    created_by = models.CharField(_("created by"), max_length=150)
    expires_at = models.DateTimeField(_("expires at"))
    workstation = models.OneToOneField(Workstation, on_delete=models.CASCADE, null=True, blank=True)
    """The workstation that used the code; a code is used once."""

    class Meta:
        verbose_name = _("pairing code")
        verbose_name_plural = _("pairing codes")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} {self.expires_at:%F %T}"
