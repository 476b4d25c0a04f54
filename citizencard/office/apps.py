from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class OfficeConfig(AppConfig):
    name = "citizencard.office"
    verbose_name = _("office")

    def ready(self) -> None:
        """Keep the roles' permissions as the matrix says, whenever the database was migrated."""
        post_migrate.connect(_apply_roles, sender=self)


def _apply_roles(**kwargs: Any) -> None:
    from citizencard.office.roles import ensure_roles

    ensure_roles()
