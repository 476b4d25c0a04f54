"""`manage.py grant_roles`: the application's rights anew, for instance after an administrator has made the roles."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from citizencard.core.grants import CannotGrant, apply_grants
from citizencard.core.roles import APP_ROLE, READ_ROLE, as_owner


class Command(BaseCommand):
    """Apply `citizencard.core.grants`; `migrate` does the same at its end."""

    help = (
        f"Give {APP_ROLE} and {READ_ROLE} exactly the rights they should have in the database, as its owner "
        "(DATABASE_OWNER_URL). `migrate` does the same at its end; repeating it changes nothing."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Grant and say so; who cannot is told who can, and exit code 1."""
        try:
            with as_owner():
                apply_grants()
        except CannotGrant as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"{APP_ROLE} and {READ_ROLE} have their rights")
