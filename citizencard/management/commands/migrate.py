"""`manage.py migrate`: Django's, as the owner of the tables; at its end the application gets its rights."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate

from citizencard.core.roles import as_owner


class Command(migrate.Command):
    """Migrate as DATABASE_OWNER_URL, where one is configured."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Run Django's command on the owner's connection."""
        with as_owner():
            super().handle(*args, **options)
