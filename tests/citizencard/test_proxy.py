"""Whose address counts, with and without a reverse proxy."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from citizencard.proxy import CallersAddress


def address_seen(**headers: str) -> str:
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", headers=headers)

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.META["REMOTE_ADDR"])

    return CallersAddress(view)(request).content.decode()


def test_the_proxys_word_counts_not_the_callers(settings: Any) -> None:
    settings.BEHIND_PROXY = True
    assert address_seen(**{"X-Forwarded-For": "1.2.3.4, 203.0.113.9"}) == "203.0.113.9"
    assert address_seen() == "10.0.0.1"


def test_without_a_proxy_nobody_chooses_an_address(settings: Any) -> None:
    settings.BEHIND_PROXY = False
    with pytest.raises(MiddlewareNotUsed):
        address_seen(**{"X-Forwarded-For": "1.2.3.4"})
