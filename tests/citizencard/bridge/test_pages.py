"""The clerk's pages about the reader of the PC in front of him."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User
from citizencard.bridge.browser import COOKIE
from citizencard.bridge.models import PairingCode, Workstation
from citizencard.bridge.services import revoke_workstation
from citizencard.core.models import AuditEntry
from terminals.bridge.errors import NotPaired
from terminals.bridge.sources import SimulatedSource
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from tests.citizencard.bridge.house import READER, Desk, House, wait_for
from tests.citizencard.bridge.test_pairing import redeem
from tests.citizencard.city import PASSWORD, make_staff
from tests.terminals.cards import CARD_NUMBER, Till, issued_psam

HERE, STATE, CARD = (f"/office/reader/{rest}" for rest in ("", "state/", "card/"))


@pytest.fixture
def clerk(transactional_db: None) -> Client:
    make_staff()
    return signed_in("clerk")


def signed_in(name: str) -> Client:
    client = Client()
    assert client.login(username=name, password=PASSWORD)
    return client


def page(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status
    return str(answer.content.decode())


def code_for(client: Client, name: str = "3 号窗口") -> str:
    text = page(client.post(HERE, {"name": name}))
    found = re.search(r'class="bridge-code">([^<]+)<', text)
    assert found
    return found[1]


def seat(client: Client, desk: Desk) -> None:
    """Put the clerk's browser on the desk's PC, by the way of a pairing."""
    code = code_for(client)
    key = desk.identity.signing_key().public_key().public_bytes_raw().hex()
    desk.identity = replace(desk.identity, workstation=redeem(code, key).json()["workstation"])
    client.get(STATE)


def test_pairing_from_the_first_look_to_the_reader(clerk: Client, house: House, chip: Chip) -> None:
    assert "本机尚未配对" in page(clerk.get(HERE))
    desk = house.pair(SimulatedSource({READER: chip}))
    assert "data-reload" not in page(clerk.get(STATE))
    seat(clerk, desk)
    assert "3 号窗口" in page(clerk.get(HERE))
    assert "未连接" in page(clerk.get(STATE))
    with desk.running():
        wait_for(desk.is_connected)
        wait_for(lambda: "已放卡" in page(clerk.get(STATE)))
        assert READER in page(clerk.get(HERE))


def test_the_waiting_page_is_told_once_and_gets_a_cookie_for_the_office_only(
    clerk: Client, house: House
) -> None:
    code = code_for(clerk)
    redeem(code)
    answer = clerk.get(STATE)
    assert "data-reload" in page(answer)
    cookie = answer.cookies[COOKIE]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/office/", True, "Strict")
    assert str(Workstation.objects.get().pk) in cookie.value
    assert "data-reload" not in page(clerk.get(STATE))


def test_another_browser_is_not_seated_by_it(clerk: Client, house: House) -> None:
    other = signed_in("clerk")
    redeem(code_for(clerk))
    assert "data-reload" not in page(other.get(STATE))
    assert COOKIE not in other.cookies


def test_a_made_up_cookie_is_worth_nothing(clerk: Client, house: House) -> None:
    pk = house.pair().pk
    for value in (str(pk), f"{pk}:AAAA:BBBB", "x"):
        clerk.cookies[COOKIE] = value
        assert "本机尚未配对" in page(clerk.get(HERE))


def test_a_card_is_read_and_shown_with_all_it_has(clerk: Client, house: House, chip: Chip) -> None:
    till = Till.over(MemoryTransport(chip), MemoryTransport(issued_psam()))
    till.load(5_000)
    till.pay(240)
    desk = house.pair(SimulatedSource({READER: chip}))
    seat(clerk, desk)
    with desk.running():
        wait_for(desk.is_connected)
        text = page(clerk.post(CARD))
    for words in (CARD_NUMBER, "47.60", "2.40", "362000000017", "2026-01-01", "交通联合", "泉州"):
        assert words in text
    assert "张晓明" not in text
    assert "须凭卡片密码读取" in text
    wait_for(lambda: AuditEntry.objects.filter(action="reader.release").exists())
    entry = AuditEntry.objects.get(action="reader.use")
    assert (entry.actor, entry.subject) == ("clerk", f"workstation:{desk.pk}")


@pytest.mark.parametrize(
    ("source", "words"),
    [(SimulatedSource({READER: None}), "读卡器上没有卡"), (SimulatedSource({}), "未连接读卡器")],
)
def test_what_is_wrong_with_the_reader_is_said(
    clerk: Client, house: House, source: SimulatedSource, words: str
) -> None:
    desk = house.pair(source)
    seat(clerk, desk)
    assert "未连接" in page(clerk.post(CARD))
    with desk.running():
        wait_for(desk.is_connected)
        assert words in page(clerk.post(CARD))


def test_a_reader_in_use_is_said(clerk: Client, house: House, chip: Chip) -> None:
    desk = house.pair(SimulatedSource({READER: chip}))
    seat(clerk, desk)
    with desk.running():
        wait_for(desk.is_connected)
        with desk.use(actor="lin"):
            assert "其他人正在使用此读卡器" in page(clerk.post(CARD))
            assert "lin 正在使用此读卡器" in page(clerk.get(STATE))


def test_without_a_hub_the_pages_say_so(clerk: Client, house: House, settings: Any) -> None:
    seat(clerk, house.pair())
    settings.BRIDGE_SOCKET += ".gone"
    assert "读卡桥未运行" in page(clerk.get(STATE))
    assert "未连接" in page(clerk.post(CARD))


def test_a_workstation_is_revoked_with_a_reason_and_its_agent_ends(
    clerk: Client, house: House, chip: Chip
) -> None:
    desk = house.pair(SimulatedSource({READER: chip}))
    seat(clerk, desk)
    with desk.running():
        wait_for(desk.is_connected)
        url = f"/office/bridge/workstation/{desk.pk}/revoke/"
        assert "撤销时间" in page(clerk.post(url, {"reason": "电脑报废"}))
        wait_for(lambda: desk.error)
    assert isinstance(desk.error, NotPaired)
    assert AuditEntry.objects.get(action="workstation.revoke").detail["reason"] == "电脑报废"
    assert "本机尚未配对" in page(clerk.get(HERE))
    assert "已撤销" in page(clerk.get("/office/bridge/workstation/"))


def test_who_may_what(clerk: Client, house: House) -> None:
    workstation = Workstation.objects.get(pk=house.pair().pk)
    allowed = {
        name: [
            path
            for path, method in ((HERE, "get"), (STATE, "get"), (CARD, "post"), (revoke(workstation), "get"))
            if getattr(signed_in(name), method)(path).status_code == 200
        ]
        for name in ("clerk", "finance", "auditor")
    }
    assert allowed == {
        "clerk": [HERE, STATE, CARD, revoke(workstation)],
        "finance": [],
        "auditor": [],
    }
    for path in (HERE, STATE, CARD):
        assert Client().post(path)["Location"].startswith("/office/login/")


def revoke(workstation: Workstation) -> str:
    return reverse("admin:bridge_workstation_revoke", args=[workstation.pk])


def test_pairing_needs_its_own_permission(clerk: Client, house: House) -> None:
    kiosk = User.objects.create_user(username="kiosk", password=PASSWORD, is_staff=True)
    kiosk.user_permissions.add(Permission.objects.get(codename="use_reader"))
    client = signed_in("kiosk")
    assert "获取配对码" not in page(client.get(HERE))
    assert client.post(HERE, {"name": "x"}).status_code == 403
    assert not PairingCode.objects.filter(created_by="kiosk").exists()


def test_reading_a_card_needs_a_post_with_the_forms_token(clerk: Client, house: House) -> None:
    assert clerk.get(CARD).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.login(username="clerk", password=PASSWORD)
    assert strict.post(CARD).status_code == 403


def test_a_name_is_needed(clerk: Client, house: House) -> None:
    assert "bridge-code" not in page(clerk.post(HERE, {"name": "  "}))
    assert not PairingCode.objects.exists()


def test_revoking_in_a_transaction_rolled_back_cuts_nobody(clerk: Client, house: House, chip: Chip) -> None:
    desk = house.staffed(SimulatedSource({READER: chip}))
    with desk.use() as transport:
        with transaction.atomic():
            revoke_workstation(workstation=Workstation.objects.get(pk=desk.pk), actor="clerk", reason="x")
            transaction.set_rollback(True)
        assert transport.reset() == chip.ATR
