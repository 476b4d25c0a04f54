"""The service desk over HTTP: whom the box finds, and a card issued with the chip on the clerk's reader."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from accounts.models import (
    Card,
    CardOrder,
    CardProduct,
    Citizen,
    DrawerEntry,
    IssueApplication,
    Journal,
    User,
)
from accounts.services.card_orders import propose_order
from accounts.services.drawers import open_drawer
from accounts.services.merging import propose_merge
from citizencard.core.calendar import open_business_day, shanghai
from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.keystore import KeyStore
from terminals.bridge.sources import SimulatedSource
from terminals.simulator.chip import Chip
from tests.accounts.stock.shelf import Places, open_places, order_cards
from tests.citizencard.bridge.house import READER, House, wait_for
from tests.citizencard.bridge.test_pages import seat
from tests.citizencard.city import PASSWORD, make_staff
from tests.factories import document_number, make_card, make_citizen, make_product
from tests.fixtures_accounts import TODAY
from tests.terminals.chips import blank_chip
from tests.terminals.stocked import stocked

SignIn = Callable[[str], Client]
DESK, ISSUE = "/office/desk/", "/office/desk/issue/"
PIN = {"pin": "830417", "again": "830417"}


@dataclass
class Wizard:
    """A clerk at the screens."""

    client: Client
    url: str = ISSUE

    def send(self, **given: Any) -> str:
        """Fill in the screen that is shown; the one that follows."""
        answer = self.client.post(self.url, given, follow=True)
        if answer.redirect_chain:
            self.url = answer.redirect_chain[-1][0]
        return self._text(answer.content)

    def begin(self, product: CardProduct, document: str = "", kind: str = "resident_id") -> str:
        self.url = ISSUE
        paper = {"document_kind": kind, "document_number": document, "nationality": "", "valid_to": ""}
        return self.send(product=product.pk, **paper)

    def see(self) -> str:
        return self._text(self.client.get(self.url).content)

    @staticmethod
    def _text(html: bytes) -> str:
        found = re.search(r'<div id="desk">.*', html.decode(), re.S)
        return re.sub(r"\s+", " ", re.sub(r"<(?!input|a )[^>]+>", " ", found[0])) if found else html.decode()


@pytest.fixture
def places(db: None, _quick_passwords: None) -> Places:
    open_business_day(TODAY)
    make_staff()
    places = open_places()
    open_drawer(clerk="clerk", hall=places.hall, pieces={})
    return places


def test_the_box_finds_by_everything_and_shows_masks_only(places: Places, as_staff: SignIn) -> None:
    number = document_number()
    citizen = make_citizen(document_number=number, name="欧阳小明", phone="13859700077")
    card, anonymous = make_card(citizen=citizen), make_card()
    clerk = as_staff("clerk")
    for text in (number, "138 5970 0077", "欧阳小明", card.pan):
        page = clerk.post(DESK, {"text": text}).content.decode()
        assert f"/accounts/citizen/{citizen.pk}/" in page
        assert f"/accounts/card/{card.pk}/" in page
        found = page[page.index("desk-hits") :]
        assert not [clear for clear in (number, "欧阳小明", "13859700077", card.pan) if clear in found]
    assert f"/accounts/card/{anonymous.pk}/" in clerk.post(DESK, {"text": anonymous.pan}).content.decode()
    assert "没有找到" in clerk.post(DESK, {"text": "小明"}).content.decode()
    assert "desk-hits" not in clerk.get(DESK, {"text": number}).content.decode()


def test_who_may_sit_at_the_desk(places: Places, as_staff: SignIn) -> None:
    opened = {
        role: (as_staff(role).get(DESK).status_code, as_staff(role).get(ISSUE).status_code)
        for role in ("clerk", "supervisor", "finance", "auditor")
    }
    assert opened == {
        "clerk": (200, 200),
        "supervisor": (200, 403),
        "finance": (403, 403),
        "auditor": (200, 403),
    }


def test_screen_by_screen_with_everything_that_can_be_wrong(places: Places, as_staff: SignIn) -> None:
    product = make_product(real_name=True, price_fen=1_500, photo_needed=True)
    wizard, number = Wizard(as_staff("clerk")), document_number()
    wrong = number[:-1] + ("1" if number[-1] != "1" else "2")
    assert "居民身份证号码" in wizard.begin(product, wrong)
    assert not IssueApplication.objects.exists()
    assert "核对本人" in wizard.begin(product, number)
    assert number not in wizard.url
    assert "姓名" in wizard.send(at="check", name="123", phone="", birth_date="")
    make_citizen(name="林小明", document_kind="taiwan_pass", document_number="01234567")
    assert "都不是本人" in wizard.send(at="check", name="林小明", phone="", birth_date="")
    assert "本人申请办理市民卡" in wizard.send(
        at="check", name="林小明", phone="", birth_date="", is_new="on"
    )
    assert "本人申请办理市民卡" in wizard.send(at="agree", guardian="")
    assert IssueApplication.objects.get().state == "checked"
    assert "照片" in wizard.send(at="agree", agreed="on", guardian="")
    assert "不是完整的" in wizard.send(at="photo", photo=SimpleUploadedFile("a.jpg", b"GIF89a"))
    assert "不是完整的" not in wizard.send(at="pay")
    assert IssueApplication.objects.get().state == "consented"
    file = io.BytesIO()
    Image.new("RGB", (720, 900)).save(file, "JPEG")
    assert "15.00" in wizard.send(at="photo", photo=SimpleUploadedFile("a.jpg", file.getvalue()))
    assert "写卡" in wizard.send(at="pay")
    make_product(real_name=True, price_fen=2_000, photo_needed=True)
    assert "此前已收（元） 15.00" in wizard.see()
    wizard.send(at="pay")
    assert "不一致" in wizard.send(at="write", pin="830417", again="830418")
    assert "六个相同" in wizard.send(at="write", pin="111111", again="111111")
    assert "尚未与服务器配对" in wizard.send(at="write", **PIN)
    assert "未办完的申请" in as_staff("clerk").get(DESK).content.decode()
    wizard.client.post(wizard.url + "cancel/", {"reason": "不办了"})
    assert "请退还客户 20.00 元" in wizard.see()
    assert Citizen.objects.count() == 1
    assert not Journal.objects.exists()


def test_a_holder_is_led_to_the_card_there_is(places: Places, as_staff: SignIn) -> None:
    number = document_number()
    card = make_card(citizen=make_citizen(document_number=number))
    clerk = as_staff("clerk")
    told = Wizard(clerk).begin(card.product, number)
    assert "补换卡" in told
    assert f"/accounts/card/{card.pk}/" in told
    page = f"/office/accounts/citizen/{card.citizen_id}/issue/"
    assert "补换卡" in clerk.post(page, {"product": card.product_id}).content.decode()
    student = make_product(real_name=True, code="student", name="学生卡")
    assert clerk.post(page, {"product": student.pk})["Location"].startswith(ISSUE)


def test_a_card_is_replaced_from_its_page(places: Places, as_staff: SignIn) -> None:
    card = make_card(citizen=make_citizen())
    clerk, page = as_staff("clerk"), f"/office/accounts/card/{card.pk}/replace/"
    assert "补换" in clerk.post(page, {"cause": "lost"}).content.decode()
    wizard = Wizard(clerk, page)
    assert "核对本人" in wizard.send(cause="damaged")
    wizard.send(at="check", same="on")
    wizard.send(at="agree", agreed="on", guardian="")
    assert "应收现金（元） 0.00" in wizard.see()
    application = IssueApplication.objects.get()
    assert (application.replaces, application.cause) == (card, "damaged")
    assert Card.objects.get(pk=card.pk).state == "active"


def test_an_application_is_its_clerks(places: Places, as_staff: SignIn) -> None:
    wizard = Wizard(as_staff("clerk"))
    wizard.begin(make_product(real_name=True), document_number())
    colleague = User.objects.create_user(username="li", password=PASSWORD, is_staff=True)
    colleague.groups.set(Group.objects.filter(name="clerk"))
    assert as_staff("li").get(wizard.url).status_code == 404
    assert as_staff("supervisor").get(wizard.url).status_code == 403


@dataclass
class Hall:
    """A clerk with a reader, and three cards of the citizen's product in stock."""

    wizard: Wizard
    reader: SimulatedSource
    product: CardProduct
    cards: list[tuple[Card, Chip]]


@pytest.fixture
def hall(
    key_service: KeyServiceClient, house: House, demo_keys: KeyStore, as_staff: SignIn
) -> Iterator[Hall]:
    open_business_day(TODAY)
    make_staff()
    product, reader = make_product(real_name=True, price_fen=1_500), SimulatedSource({READER: None})
    wizard = Wizard(as_staff("clerk"))
    desk = house.pair(reader)
    seat(wizard.client, desk)
    with desk.running():
        wait_for(desk.is_connected)
        places = open_places()
        open_drawer(clerk="clerk", hall=places.hall, pieces={})
        yield Hall(wizard, reader, product, stocked(demo_keys, places, product, 3))


def test_from_the_document_to_the_card_in_the_hand(hall: Hall, as_staff: SignIn, demo_keys: KeyStore) -> None:
    wizard, number = hall.wizard, document_number()
    wizard.begin(hall.product, number)
    wizard.send(at="check", name="林美玲", phone="", birth_date="")
    wizard.send(at="agree", agreed="on", guardian="")
    wizard.send(at="pay")
    assert "读卡器上没有卡" in wizard.send(at="write", **PIN)
    hall.reader.insert(READER, blank_chip(demo_keys))
    assert "不是本中心的卡" in wizard.send(at="write", **PIN)
    (first, chip), (second, other) = hall.cards[:2]
    # Taken away in the middle; meanwhile the session is lost, and the clerk signs in again.
    hall.reader.insert(READER, Torn(chip, hall.reader))
    assert "移开过早" in wizard.send(at="write", **PIN)
    seated = wizard.client.cookies["citizencard_workstation"].value
    wizard.client = as_staff("clerk")
    wizard.client.cookies["citizencard_workstation"] = seated
    assert "写卡中断" in wizard.see()
    hall.reader.insert(READER, other)
    assert f"请放回卡 {first.pan}" in wizard.send(at="write", **PIN)
    assert wizard.client.post(wizard.url + "spoiled/", {"reason": "芯片损坏"}).status_code == 302
    assert "办卡完成" in wizard.send(at="write", **PIN)
    assert reverse("admin:receipt", args=[DrawerEntry.objects.get().pk]) in wizard.see()
    assert "办卡完成" in wizard.send(at="write", **PIN)
    states = dict(Card.objects.values_list("pan", "state"))
    assert (states[first.pan], states[second.pan]) == ("closed", "active")
    assert Journal.objects.filter(kind="card_sale").count() == 1
    assert "progress" in wizard.client.get(wizard.url + "progress/").content.decode()
    # Read again, the card leads to its page.
    where = wizard.client.post(DESK + "read/")["Location"]
    assert where == f"/office/accounts/card/{second.pk}/change/"


class Torn:
    """A chip that is taken away while it is written."""

    def __init__(self, chip: Chip, reader: SimulatedSource, apdus: int = 30) -> None:
        self.ATR, self._chip, self._reader, self._left = chip.ATR, chip, reader, apdus

    def transmit(self, apdu: bytes) -> bytes:
        self._left -= 1
        if not self._left:
            self._reader.remove(READER)
        return self._chip.transmit(apdu)

    def reset(self) -> bytes:
        return self._chip.reset()


def test_the_queue_has_what_waits_by_its_day_in_a_fixed_number_of_queries(
    places: Places, as_staff: SignIn, django_assert_max_num_queries: Any
) -> None:
    order = order_cards(places, 1)
    today = shanghai(timezone.now()).date()
    late, later = (
        propose_order(
            product=order.product, quantity=1, hall=places.hall, deadline=today + timedelta(days), actor="li"
        )
        for days in (3, 9)
    )
    CardOrder.objects.filter(pk=late.pk).update(deadline=today - timedelta(2))
    for _ in range(3):
        propose_merge(master=make_citizen(), other=make_citizen(), reason="same", maker="li")
    clerk = as_staff("clerk")
    with django_assert_max_num_queries(20):
        page = clerk.get("/office/desk/cases/").content.decode()
    assert page.index("逾期 2 天") < page.index(later.number) < page.rindex("由 li 提请")
    assert page.index(late.number) < page.index(later.number)
    assert "还剩 9 天" in page
    assert order.number not in page
