"""System checks that keep a demo out of production: `manage.py check` and every start run them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def production_is_configured(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """In production: no DEBUG, no default secret, own database, own gateway secrets."""
    if not settings.PRODUCTION:
        return []
    faults = {
        "E001 DEBUG must be off": settings.DEBUG,
        "E002 SECRET_KEY is the demo's; set your own": settings.SECRET_KEY == settings.DEMO_SECRET,
        "E003 DATABASE_URL is not set; the embedded PostgreSQL is for the demo": not settings.DATABASE_CONFIGURED,
        "E004 GATEWAY_API_KEY is the demo's": settings.GATEWAY_API_KEY == "sk_test_demo",
        "E005 GATEWAY_WEBHOOK_SECRET is the demo's": settings.GATEWAY_WEBHOOK_SECRET == "whsec_demo",  # noqa: S105
    }
    return [Error(fault[5:], id=f"citizencard.{fault[:4]}") for fault, broken in faults.items() if broken]
