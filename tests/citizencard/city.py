"""A small city to look at: two citizens, every kind of place, every fate a record can have, one day cleared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.contrib.auth.models import Group

from accounts.models import Card, Citizen, TopUpOrder, User
from accounts.services import citizens, topup
from citizencard.core.calendar import open_business_day
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.office.roles import MATRIX
from settlement.services.clearing import clear_day
from settlement.services.proposals import found_contract
from terminals.services.acceptance import accept_batch
from terminals.services.field import register_merchant
from terminals.services.hotlist import report_loss
from terminals.wire.batch import build_batch
from terminals.wire.record import TapRecord
from tests.accounts.chip import Chip
from tests.factories import CLERK, NOON, document_number, make_card, make_citizen, make_order
from tests.fixtures_accounts import TODAY
from tests.terminals.field import Field

PASSWORD = "spring-tea-7301"
PLACES = (
    ("BUS", "泉州公交集团", "bus", 50),
    ("METRO", "泉州轨道交通", "metro", 50),
    ("HOSP", "泉州市第一医院", "hospital", 20),
    ("PHARM", "同仁堂药房", "pharmacy", 60),
    ("PARK", "西湖公园", "park", 0),
    ("SHOP", "新华都购物广场", "shop", 80),
    ("PARKING", "刺桐停车", "parking", 60),
)
USES = (
    ("BUS", 200),
    ("METRO", 300),
    ("HOSP", 1250),
    ("PHARM", 3680),
    ("SHOP", 4590),
    ("PARKING", 800),
    ("BUS", 200),
)
HELD_AFTER_LOSS_FEN = 200


@dataclass
class City:
    """Who lives here and what they hold."""

    citizen: Citizen
    document: str
    card: Card
    neighbour: Citizen
    neighbour_document: str
    neighbours_card: Card
    cleared: date
    fields: dict[str, Field]

    @property
    def open_day(self) -> date:
        """The day after the cleared one."""
        return self.cleared + timedelta(days=1)


def found_city(keys: KeyStore) -> City:
    """Play a day through the services and clear it. Needs the key service."""
    open_business_day(TODAY)
    make_staff()
    people = [_citizen("林美玲"), _citizen("陈建国")]
    cards = [make_card(citizen=citizen) for citizen, _document in people]
    for card, amount_fen in zip(cards, (15_000, 5_000), strict=True):
        _load(keys, card, amount_fen)
    topup.receive_cash(order=make_order(card=cards[0]), actor=CLERK)
    fields = {code: _install(keys, code, name, channel, fee) for code, name, channel, fee in PLACES}
    _play(fields, cards[0])
    report_loss(card=cards[1], actor=CLERK, reason="遗失", occurred_at=NOON)
    _upload(fields["BUS"], "B-2", [fields["BUS"].tap(cards[1], 1, HELD_AFTER_LOSS_FEN, occurred_at=_at(90))])
    clear_day(day=TODAY)
    _upload(fields["PARK"], "P-2", [fields["PARK"].tap(cards[0], 9, 1_000, occurred_at=_at(1_300))])
    (citizen, document), (neighbour, neighbour_document) = people
    return City(citizen, document, cards[0], neighbour, neighbour_document, cards[1], TODAY, fields)


def make_staff() -> None:
    """One officer per role, named after it, and the superuser `root`."""
    for role in MATRIX:
        user = User.objects.create_user(username=role, password=PASSWORD, is_staff=True)
        user.groups.set(Group.objects.filter(name=role))
    User.objects.create_superuser(username="root", password=PASSWORD)


def _citizen(name: str) -> tuple[Citizen, str]:
    document = document_number()
    citizen = make_citizen(name=name, document_number=document)
    citizens.create_login(citizen=citizen, password=PASSWORD)
    return citizen, document


def _load(keys: KeyStore, card: Card, amount_fen: int) -> TopUpOrder:
    order = topup.receive_cash(order=make_order(card=card, amount_fen=amount_fen), actor=CLERK)
    return Chip(keys, card).load(order)


def _install(keys: KeyStore, code: str, name: str, channel: str, fee: int) -> Field:
    merchant = register_merchant(code=code, name=name, channel=channel)
    found_contract(merchant=merchant, rate_basis_points=fee, valid_from=date(2026, 1, 1))
    return Field.install(keys, code=f"{code}-01", merchant=merchant)


def _play(fields: dict[str, Field], card: Card) -> None:
    taps: dict[str, list[TapRecord]] = {}
    for number, (code, amount_fen) in enumerate(USES, start=1):
        tap = fields[code].tap(card, number, amount_fen, occurred_at=_at(20 * number))
        taps.setdefault(code, []).append(tap)
    for code, records in taps.items():
        _upload(fields[code], f"{code}-1", records)
    forged = fields["SHOP"].tap(card, 20, 9_900)
    _upload(fields["BUS"], "BUS-again", [taps["BUS"][0]])
    _upload(fields["SHOP"], "SHOP-forged", [replace(forged, tac="DEADBEEF")])


def _upload(field: Field, number: str, records: list[TapRecord]) -> None:
    accept_batch(terminal=field.terminal, body=build_batch(number, records))


def _at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)
