"""What keeps a demo out of production: no process starts with the demo's settings and `CITIZENCARD_ENV=production`."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def refuse_demo_settings() -> None:
    """Raise ImproperlyConfigured naming everything that belongs to the demo; the key service refuses demo keys itself."""
    if not settings.PRODUCTION:
        return
    faults = {
        "DEBUG must be off": settings.DEBUG,
        "SECRET_KEY is the demo's": settings.SECRET_KEY == settings.DEMO_SECRET,
        "DATABASE_URL is not set, and the embedded PostgreSQL is for the demo": not settings.DATABASE_CONFIGURED,
        "GATEWAY_API_KEY is the demo's": settings.GATEWAY_API_KEY == settings.DEMO_GATEWAY_KEY,
        "GATEWAY_WEBHOOK_SECRET is the demo's": settings.DEMO_WEBHOOK_SECRET
        in settings.GATEWAY_WEBHOOK_SECRETS,
    }
    if found := [fault for fault, present in faults.items() if present]:
        raise ImproperlyConfigured(f"citizencard does not start in production: {'; '.join(found)}.")
