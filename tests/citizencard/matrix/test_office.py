"""The permission matrix (T14) of the office: every address × everybody who may ask × methods, as `expected.py` says.

Its control takes one scope away, and must find it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from uuid import UUID

import pytest
from django.apps import apps
from django.db import models
from django.test import Client
from django.urls import reverse

from accounts.models import Citizen, User
from accounts.services.citizens import create_login
from citizencard.office.roles import MATRIX
from citizencard.office.site import office
from tests.citizencard.city import make_staff
from tests.citizencard.matrix import expected
from tests.citizencard.matrix.routes import is_open, routes
from tests.factories import make_citizen

SignIn = Callable[[str], Client]
DJANGOS = ("changelist", "add", "change", "delete", "history")
STAFF = [*sorted(MATRIX), expected.ROOT]


def test_every_address_is_in_the_matrix() -> None:
    """One that is new fails here until somebody has said who may."""
    office_names = {f"{model}_{each}" for model in expected.LISTS for each in DJANGOS}
    office_names |= expected.STEPS.keys() | expected.PAGES.keys() | expected.OWN_PAGES
    portal = expected.PORTAL_PUBLIC | expected.PORTAL_SIGNED_IN | expected.PORTAL_OWN
    others = expected.API_PUBLIC | expected.API_SIGNED | expected.ELSEWHERE
    known = {f"admin:{name}" for name in office_names} | {f"portal:{name}" for name in portal} | others
    assert {route.name for route in routes()} == known


def test_every_step_of_the_office_is_one_of_its_acts() -> None:
    """The door asks for a fresh second factor on every page of `acts`, and on whatever is sent."""
    assert set(expected.STEPS) == office.acts


def key_of(name: str) -> str:
    """What could be the key of the model, and is nobody's."""
    field: object = apps.get_model(*name.split("_")[:2])._meta.pk
    no_one = {models.UUIDField: str(UUID(int=0)), models.DateField: "1999-12-31"}
    return next((key for kind, key in no_one.items() if isinstance(field, kind)), "0")


def asked(name: str) -> Iterator[tuple[str, str, set[str]]]:
    """Method, path and who is let in there, for one list or one step."""
    key = key_of(name)
    if name in expected.LISTS:
        sees = expected.LISTS[name] | {expected.ROOT}
        yield "GET", reverse(f"admin:{name}_changelist"), sees
        yield "GET", reverse(f"admin:{name}_change", args=[key]), sees
    else:
        yield "POST", reverse_step(name, key), expected.STEPS[name]


def reverse_step(name: str, key: str) -> str:
    """The address of a list's step, or of an object's."""
    steps = office._registry[apps.get_model(*name.split("_")[:2])]._get_base_actions_list()
    of_a_list = name in {step.action_name for step in steps}
    return reverse(f"admin:{name}", args=[] if of_a_list else [key])


def unexpected_in_the_office(clients: dict[str, Client], names: Iterable[str]) -> list[str]:
    """Who is let in and should not be, or the other way round."""
    return [
        f"{role} {method} {path}"
        for name in names
        for method, path, roles in asked(name)
        for role, client in clients.items()
        if is_open(client.generic(method, path)) is not (role in roles)
    ]


@pytest.fixture
def clients(db: None, undrawn: None, as_staff: SignIn) -> dict[str, Client]:
    make_staff()
    return {role: as_staff(role) for role in STAFF}


def test_each_role_opens_exactly_its_lists(clients: dict[str, Client]) -> None:
    assert unexpected_in_the_office(clients, expected.LISTS) == []


def test_nobody_adds_changes_or_deletes(clients: dict[str, Client]) -> None:
    """Not even the superuser: services are the only writers. Of the others one at each list in turn."""
    for name, role in zip(expected.LISTS, itertools.cycle(STAFF), strict=False):
        for client in (clients[role], clients[expected.ROOT]):
            for each in ("add", "change", "delete"):
                path = reverse(f"admin:{name}_{each}", args=[] if each == "add" else [key_of(name)])
                assert client.post(path, {"post": "yes"}).status_code == 403, (role, path)


def test_each_role_takes_exactly_its_steps(clients: dict[str, Client]) -> None:
    """And the superuser none that changes or shows anything: money is posted, and secrets are revealed, by roles."""
    assert unexpected_in_the_office(clients, expected.STEPS) == []


def test_each_role_opens_exactly_its_pages(clients: dict[str, Client]) -> None:
    words: dict[str, dict[str, object]] = {
        "report": {"code": "kpi"},
        "report_file": {"code": "kpi", "form": "csv"},
        "audit_file": {"form": "csv"},
        "receipt": {"pk": 0},
        "topup_progress": {"pk": 0},
        **{f"desk_{step}": {"pk": UUID(int=0)} for step in ("step", "progress", "spoiled", "cancel")},
    }
    posted = {"bridge_card", "desk_hall", "desk_text", "desk_read", "desk_spoiled", "desk_cancel"}
    for name, roles in expected.PAGES.items():
        path = reverse(f"admin:{name}", kwargs=words.get(name))
        method = "POST" if name in posted else "GET"
        opened = {role for role, client in clients.items() if is_open(client.generic(method, path))}
        assert opened == roles, name


def test_what_can_be_no_key_is_no_object(clients: dict[str, Client]) -> None:
    """And no fault: 404, for every step of every object."""
    for name, roles in expected.STEPS.items():
        path = reverse_step(name, "no-key")
        for role in sorted(roles)[:1]:
            assert "no-key" not in path or clients[role].get(path).status_code == 404, path


def test_strangers_and_citizens_find_every_door_of_the_office_shut(db: None, undrawn: None) -> None:
    citizen, stranger = Client(), Client()
    citizen.force_login(login_of(make_citizen()))
    for route in routes():
        if route.name.startswith("admin:") and route.name != "admin:login":
            path = "/" + filled(route.where)
            for answer in (citizen.post(path), stranger.get(path)):
                assert answer.status_code == 302, path
                assert answer["Location"].startswith("/office/"), path


@pytest.mark.parametrize("name", ["accounts_refund_approve", "accounts_card"])
def test_one_scope_taken_away_is_found(
    clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The control: a step, then a list, whose permission is asked no more."""
    admin = office._registry[apps.get_model(*name.split("_")[:2])]
    assert unexpected_in_the_office(clients, [name]) == []
    for each in ("has_approve_refund_permission", "has_view_permission"):
        monkeypatch.setattr(type(admin), each, lambda *args, **words: True)
    assert unexpected_in_the_office(clients, [name]) != []


def filled(where: str) -> str:
    """A pattern with something in its places."""
    plain = re.sub(
        r"\^|\$|\(\?P<app_label>[^)]*\)", lambda found: "accounts" if len(found[0]) > 1 else "", where
    )
    return re.sub(r"<\w+:\w+>", "0", plain).replace("(?P<url>.*)", "nowhere")


def login_of(citizen: Citizen) -> User:
    return create_login(citizen=citizen, password="spring-tea-7301")
