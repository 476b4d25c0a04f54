"""The addresses of this app, below `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from accounts.api.webhook import gateway_webhook

urlpatterns = [path("gateway/webhook", gateway_webhook, name="gateway-webhook")]
