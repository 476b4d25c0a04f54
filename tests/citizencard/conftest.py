"""A city to look at, and browsers signed in as its people."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from django.test import Client

    from citizencard.core.keyservice.keystore import KeyStore
    from tests.citizencard.city import City


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """Real password hashes take their time on purpose; here many people sign in."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def city(db: None, _quick_passwords: None, demo_keys: KeyStore) -> City:
    """Two citizens and a day cleared."""
    from tests.citizencard.city import found_city

    return found_city(demo_keys)


@pytest.fixture
def as_staff() -> Callable[[str], Client]:
    """A browser signed in as the officer of a role, or as `root`."""
    from django.test import Client

    from accounts.models import User
    from citizencard.staff.gate import SESSION
    from citizencard.staff.services.sessions import begin_session
    from tests.citizencard.city import PASSWORD

    def sign_in(name: str) -> Client:
        client = Client()
        assert client.login(username=name, password=PASSWORD)
        session = client.session
        user = User.objects.get(username=name)
        session[SESSION] = begin_session(user=user, ip="127.0.0.1", agent="").pk
        session.save()
        return client

    return sign_in


@pytest.fixture
def as_citizen(city: City, client: Client) -> Client:
    """A browser signed in as the first citizen."""
    client.force_login(city.citizen.user)
    return client


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No page is drawn, no refusal logged: that takes most of the time, and never changes who is let in."""
    from django.template.backends.django import Template

    def nothing(self: Template, context: Any = None, request: Any = None) -> str:
        return ""

    monkeypatch.setattr(Template, "render", nothing)
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
