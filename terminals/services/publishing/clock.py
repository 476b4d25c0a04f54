"""The centre's time, signed for the terminal that asks."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from django.utils import timezone

from terminals.services.publishing.keys import present_key, signer


def signed_time(*, nonce: str, now: datetime | None = None) -> bytes:
    """A document of kind `time` with the terminal's nonce in it. Raises KeyServiceUnavailable."""
    now = now or timezone.now()
    told = {"nonce": nonce, "at": now.astimezone(UTC).isoformat(timespec="milliseconds")}
    content = json.dumps(told, separators=(",", ":")).encode()
    return signer(present_key(now)).document("time", 1, content, count=1, issued_at=now).to_bytes()
