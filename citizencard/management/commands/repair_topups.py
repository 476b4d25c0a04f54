"""`manage.py repair_topups`: settle stuck top-ups and send refunds now, without waiting for the background."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from accounts.services.gateway_refunds import send_gateway_refunds
from accounts.services.repair import repair_topups
from citizencard.management.speaking import SpeakingCommand


class Command(SpeakingCommand):
    """Both may be repeated at any time; what is left is left because the gateway did not answer."""

    help = "Ask the gateway about unpaid top-ups, drop expired ones, and send refunds that wait."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was settled."""
        now = timezone.now()
        done = repair_topups(now=now)
        settled = send_gateway_refunds(now=now)
        self.stdout.write(
            f"paid {done.paid}, dropped {done.dropped}, credited {done.credited}, left {done.left}; "
            f"refunds settled {settled}"
        )
