"""The payment gateway behind one port; see `port` for what is asked of it."""

from __future__ import annotations

from django.conf import settings

from accounts.gateway.port import PaymentGateway
from accounts.gateway.stripe_compatible import StripeCompatibleGateway


def configured_gateway() -> PaymentGateway:
    """The gateway of the settings."""
    return StripeCompatibleGateway(
        base_url=settings.GATEWAY_URL,
        api_key=settings.GATEWAY_API_KEY,
        webhook_secrets=settings.GATEWAY_WEBHOOK_SECRETS,
        tolerance_s=settings.SIGNATURE_TOLERANCE_SECONDS,
    )
