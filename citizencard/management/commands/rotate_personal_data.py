"""`manage.py rotate_personal_data`: seal people's data anew under the present key, while everybody works."""

from __future__ import annotations

import time
from typing import Any, Final

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from rich.progress import Progress
from rich.table import Table

from citizencard.core.keyservice.errors import KeyServiceError
from citizencard.management.speaking import SpeakingCommand
from citizencard.management.tables import console
from citizencard.privacy.selectors.sealed import SUITE_NAMES, standing, waiting
from citizencard.privacy.services.rotation import reseal_all

QUOTA_WAIT_S: Final = 1.0
"""The key service lets a worker open so many values a second and no more; the rotation waits its turn."""


class Command(SpeakingCommand):
    """Show how far it is, and do the rest. May be cut off anywhere, and begun again."""

    help = (
        "Seal names, documents, telephone numbers and birth dates anew under the newest active key of the key service, in small steps "
        "beside everybody who works. Can be stopped and begun again. With --show only say what is sealed under which key."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("--show", action="store_true", help="change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Seal anew with a progress bar, then print what is under which key."""
        screen = console(self.stdout)
        if not options["show"]:
            with Progress(console=screen) as bars:
                bar = bars.add_task(_("sealed anew"), total=waiting(standing()))
                while not _finish(lambda sealed: bars.advance(bar, sealed)):
                    time.sleep(QUOTA_WAIT_S)
        table = Table(_("data"), _("suite"), _("key version"), _("values"))
        for row in standing():
            name = str(row.column) if row.is_present else f"{row.column} ←"
            table.add_row(name, SUITE_NAMES.get(row.suite, "?"), str(row.version), f"{row.values:,}")
        screen.print(table)


def _finish(show: Any) -> bool:
    """Go on as far as the quota lets; whether everything is done."""
    try:
        for sealed in reseal_all():
            show(sealed)
    except KeyServiceError as refusal:
        if refusal.refusal != "quota_exceeded":
            raise
        return False
    return True
