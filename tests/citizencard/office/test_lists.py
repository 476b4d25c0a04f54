"""The hot list, its speed, grey records and rides in the office: seen, and decided by the right people."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Card, User
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.core.models import BusinessDay
from citizencard.office.roles import CLERK, FINANCE, ensure_roles
from terminals.models import Grey, HotListEntry
from terminals.services.acceptance import accept_batch
from terminals.services.greys import accept_greys
from terminals.services.held import settle_hot_listed
from terminals.services.hotlist import report_loss
from terminals.services.publishing import publish_hot_list
from terminals.wire.batch import build_batch
from terminals.wire.grey import GreyRecord, build_greys
from tests.factories import NOON, fill_purse, make_card
from tests.terminals.field import Field
from tests.terminals.lists.mandate import promised

pytestmark = pytest.mark.django_db


def signed_in(role: str) -> Client:
    from django.contrib.auth.models import Group

    ensure_roles()
    user = User.objects.create(username=role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def lost(open_day: BusinessDay, demo_keys: KeyStore) -> Card:
    """Reported lost at noon, used an hour later, and decided."""
    promised(30)
    card, field = make_card(), Field.install(demo_keys)
    fill_purse(card, 1_000)
    report_loss(card=card, actor="clerk", reason="lost", occurred_at=NOON)
    publish_hot_list(now=NOON)
    tap = field.tap(card, 1, 200, occurred_at=NOON + timedelta(hours=1))
    accept_batch(terminal=field.terminal, body=build_batch("B1", [tap]))
    settle_hot_listed()
    grey = GreyRecord(field.tap(card, 2, 300), "no_answer")
    accept_greys(terminal=field.terminal, body=build_greys([grey]))
    return card


def test_the_entry_tells_who_bears_what_and_a_found_card_comes_off(lost: Card) -> None:
    clerk, entry = signed_in(CLERK), HotListEntry.objects.get()
    address = f"/office/terminals/hotlistentry/{entry.pk}/"
    page = clerk.get(f"{address}change/").content.decode()
    assert "运营商户" in page
    assert "2026-03-02 12:30:00" in page
    assert clerk.get("/office/terminals/hotlistentry/").status_code == 200
    done = clerk.post(f"{address}found/", {"reason": "in the coat"})
    assert done.status_code == 200
    lost.refresh_from_db()
    assert lost.state == Card.State.ACTIVE


def test_a_mistake_takes_two(lost: Card) -> None:
    clerk, finance, entry = signed_in(CLERK), signed_in(FINANCE), HotListEntry.objects.get()
    address = f"/office/terminals/hotlistentry/{entry.pk}"
    assert clerk.post(f"{address}/propose/", {"reason": "wrong number"}).status_code == 200
    assert clerk.post(f"{address}/approve/", {"confirm": "on"}).status_code == 403
    assert finance.post(f"{address}/approve/", {"confirm": "on"}).status_code == 200
    entry.refresh_from_db()
    assert entry.removed_at is not None


def test_the_speed_and_what_waits_are_seen(lost: Card) -> None:
    clerk = signed_in(CLERK)
    page = clerk.get("/office/hot-list-latency/").content.decode()
    assert "未启用最新名单的终端" in page
    assert "30 + 10" in page
    assert str(timezone.localtime(NOON).date()) in page
    greys = clerk.get("/office/terminals/grey/?stands=open").content.decode()
    assert lost.pan in greys
    assert lost.pan not in clerk.get("/office/terminals/grey/?stands=settled").content.decode()
    assert "等待证据" in clerk.get(f"/office/terminals/grey/{Grey.objects.get().pk}/change/").content.decode()
    assert clerk.get("/office/terminals/ride/").status_code == 200
