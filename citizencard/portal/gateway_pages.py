"""Where the payer goes: the gateway's own pages to pay and to agree, which know no name and no card number of ours.

A page of ours shows the address as a link. A redirect after a form would not do: the content security policy lets forms end
on our own pages only.
"""

from __future__ import annotations

from django.conf import settings

from accounts.models import Mandate, TopUpOrder


def payment_page(order: TopUpOrder) -> str:
    """Where an order is paid; empty as long as the gateway does not know of it."""
    return f"{settings.GATEWAY_URL}/pay/{order.gateway_id}" if order.gateway_id else ""


def consent_page(mandate: Mandate) -> str:
    """Where a mandate is agreed to; empty as long as the gateway does not know of it."""
    return f"{settings.GATEWAY_URL}/mandate/{mandate.setup_id}" if mandate.setup_id else ""
