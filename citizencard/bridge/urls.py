"""The bridge's address outside the office, mounted at /api/v1/bridge/."""

from __future__ import annotations

from django.urls import path

from citizencard.bridge.api import pairings

urlpatterns = [path("pairings", pairings, name="bridge_pairings")]
