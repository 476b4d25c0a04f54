"""What keeps a demo out of production: no process starts with the demo's settings and `CITIZENCARD_ENV=production`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection

from citizencard.core.roles import APP_ROLE, powers


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


@register(Tags.security, deploy=True)
def warn_of_powers(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Say what the application's login could do to the ledger's rules; in production it does not even connect."""
    hint = (
        f"Let DATABASE_URL be a member of {APP_ROLE}, and DATABASE_OWNER_URL the owner, for `migrate` alone."
    )
    try:
        found = powers(connection)
    except OperationalError:
        return [Warning("The database cannot be asked what DATABASE_URL's role may do.", id="core.W002")]
    return [Warning(f"DATABASE_URL's role {power}.", hint=hint, id="core.W001") for power in found]
