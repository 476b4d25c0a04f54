"""Windows of a real browser on the city's pages, for a citizen's phone and a clerk's desk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.fixtures_browser import DESKTOP, PHONE, Watched

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from playwright.sync_api import Browser
    from pytest_django.live_server_helper import LiveServer

    from citizencard.core.keyservice.client import KeyServiceClient
    from citizencard.core.keyservice.keystore import KeyStore
    from tests.citizencard.city import City


@pytest.fixture
def city(key_service: KeyServiceClient, transactional_db: None, demo_keys: KeyStore, settings: Any) -> City:
    """The city of the other tests, committed so that the server sees it.

    The key service comes first: begun under the live server's settings it would be forgotten with them after one test.
    """
    from tests.citizencard.city import found_city

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return found_city(demo_keys)


@pytest.fixture(params=["phone", "desktop"])
def window(
    request: pytest.FixtureRequest,
    key_service: KeyServiceClient,
    chromium: Browser,
    live_server: LiveServer,
    city: City,
) -> Iterator[Watched]:
    """A Chinese reader's window in both sizes."""
    size = PHONE if request.param == "phone" else DESKTOP
    context = chromium.new_context(viewport=size, locale="zh-CN", timezone_id="Asia/Shanghai")  # type: ignore[arg-type]
    yield Watched(context.new_page(), live_server.url)
    context.close()


@pytest.fixture
def desktop(
    key_service: KeyServiceClient, chromium: Browser, live_server: LiveServer, city: City
) -> Iterator[Watched]:
    """A desktop window only."""
    context = chromium.new_context(viewport=DESKTOP, locale="zh-CN", accept_downloads=True)  # type: ignore[arg-type]
    yield Watched(context.new_page(), live_server.url)
    context.close()
