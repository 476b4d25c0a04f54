from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CitizenCardConfig(AppConfig):
    name = "citizencard"

    def ready(self) -> None:
        """Make our Celery application the current one, so that `delay()` finds its broker in every process.

        Keep the roles' permissions as the matrix says, whenever the database was migrated: this app is the last of all, so
        that the permissions of every other are there.
        """
        from citizencard import celery  # noqa: F401  being imported is enough

        post_migrate.connect(_apply_roles, sender=self)


def _apply_roles(**signal: Any) -> None:
    from citizencard.office.roles import ensure_roles

    ensure_roles()
