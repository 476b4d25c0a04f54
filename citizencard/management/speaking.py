"""Commands that end with a sentence: whatever is refused, cannot be read or cannot be reached is one line and exit code 1."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from citizencard.core.errors import CitizenCardError


class SpeakingCommand(BaseCommand):
    """The base of our commands. What a command expects to go wrong it may still say better itself."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run it. Raises CommandError for a typed error, a file and a database that are not to be had."""
        try:
            return super().execute(*args, **options)
        except CitizenCardError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            if error.filename is None:
                raise
            raise CommandError(f"{error.filename}: {error.strerror}.") from error
        except OperationalError as error:
            raise CommandError(f"The database cannot be asked: {str(error).strip()}") from error
