"""T15: people whose data nobody else has go through everything, and no sink knows them afterwards."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from celery.signals import before_task_publish
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse
from gunicorn.config import Config
from gunicorn.glogging import Logger

from accounts.models import Card, Citizen
from accounts.services import cards
from accounts.services.batch_issue import approve_batch
from accounts.services.citizens import create_login
from accounts.tasks import run_issue_batches
from citizencard.core import masks
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.embedded.services import ACCESS_FORMAT
from terminals.services.bureau import order_batch
from tests.accounts.stock.lists import row, uploaded
from tests.accounts.stock.shelf import CHECKER, open_places
from tests.citizencard.city import PASSWORD, make_staff
from tests.citizencard.privacy.sinks import database_text, found, server_log
from tests.factories import CLERK, document_number, make_product
from tests.fixtures_accounts import TODAY
from tests.terminals.services.test_bureau import PEM

SignIn = Callable[[str], Client]
PERSONS = int(os.environ.get("CANARIES", "2"))
_URL = re.compile(r'(?:href|action|src)="([^"]*)"')
pytestmark = pytest.mark.django_db


class Canary:
    """One person, and everything that would give them away."""

    def __init__(self, number: int) -> None:
        self.name = f"钱纳丽{'甲乙丙丁戊己庚辛壬癸'[number % 10]}"
        self.document = document_number()
        self.phone = f"1377{number:03}4242"
        self.passport = f"EK{number:03}7741"
        self.words = f"白鹭{number:03}号证词"

    @property
    def secrets(self) -> list[str]:
        return [self.name, self.document, self.phone, self.passport, self.words]


class Watch:
    """Keeps what passes by: log lines as they are printed, tasks as they are sent, addresses and file names of answers."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.tasks: list[str] = []
        self.addresses: list[str] = []

    def seen(self, answer: Any) -> str:
        """The page; where it leads to, what it is called and what it sets are kept."""
        text: str = answer.content.decode(errors="replace")
        self.addresses += [*_URL.findall(text), str(answer.headers), str(answer.cookies)]
        return text


@pytest.fixture
def watch() -> Iterator[Watch]:
    """At the levels that the settings give the loggers, as they run."""
    watch, handler = Watch(), logging.Handler()
    printed = logging.Formatter()
    handler.emit = lambda record: watch.lines.append(printed.format(record))  # type: ignore[method-assign]

    def sent(body: Any, headers: Any, **_others: Any) -> None:
        watch.tasks.append(f"{body} {headers}")

    logging.getLogger().addHandler(handler)
    before_task_publish.connect(sent, weak=False)
    yield watch
    before_task_publish.disconnect(sent)
    logging.getLogger().removeHandler(handler)


def at_the_counter(clerk: Client, canary: Canary, watch: Watch) -> Citizen:
    """Registered, refused, found, revealed, given another document, and lost in a mishap."""
    form = {
        "name": canary.name, "phone": canary.phone, "document_kind": "resident_id", "document_number": canary.document,
        "nationality": "", "valid_to": "", "birth_date": "", "consent": "on",
    }  # fmt: skip
    register = reverse("admin:accounts_citizen_register")
    wrong = canary.document[:-1] + ("1" if canary.document[-1] == "0" else "0")
    for given in (form | {"document_number": wrong}, form | {"phone": canary.phone + "x" * 9}, form, form):
        watch.seen(clerk.post(register, given))
    citizen = Citizen.objects.get(
        name_mask=masks.mask_name(canary.name), document_mask=masks.mask_document(canary.document)
    )
    page = reverse("admin:accounts_citizen_change", args=[citizen.pk])
    step = page.removesuffix("change/")
    watch.seen(clerk.get(page))
    assert canary.name in watch.seen(clerk.post(step + "reveal/", {"reason": "本人到场"}))
    papers = {
        "document_kind": "passport",
        "document_number": canary.passport,
        "nationality": "PHL",
        "valid_to": "2099-01-01",
    }
    watch.seen(clerk.post(step + "document/", papers))
    watch.seen(clerk.post(step + "guardian/", {"other": canary.passport, "reason": "x"}))
    for text in (canary.document, canary.name, canary.phone):
        assert str(citizen.pk) in clerk.get("/office/accounts/citizen/", {"q": text}).content.decode()
    watch.seen(clerk.get("/office/nowhere/"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("accounts.services.citizens.record_audit", mishap)
        careless = Client(raise_request_exception=False)
        careless.cookies = clerk.cookies
        other = form | {"document_number": document_number(), "phone": ""}
        assert careless.post(register, other).status_code == 500
    return citizen


def mishap(**_fields: object) -> None:
    raise RuntimeError("a mishap")


def in_the_portal(citizen: Citizen, canary: Canary, watch: Watch) -> None:
    """Signs in by document, with the wrong password first, and looks at everything."""
    create_login(citizen=citizen, password=PASSWORD)
    client = Client()
    for password in ("wrong", PASSWORD):
        watch.seen(client.post("/login/", {"identifier": canary.document, "password": password}))
    for page in ("/", "/privacy/", "/notices/", "/family/", "/disputes/"):
        answer = client.get(page)
        assert answer.status_code == 200
        watch.seen(answer)
    watch.seen(client.post("/family/", {"card_number": canary.document, "name": canary.name}))


@pytest.mark.usefixtures("_quick_passwords", "open_day")
def test_nobody_else_learns_of_a_person(demo_keys: KeyStore, as_staff: SignIn, watch: Watch) -> None:
    make_staff()
    clerk, canaries = as_staff("clerk"), [Canary(number) for number in range(PERSONS)]
    for canary in canaries:
        citizen = at_the_counter(clerk, canary, watch)
        in_the_portal(citizen, canary, watch)
        card = cards.order_card(
            product=make_product(real_name=True), citizen=citizen, actor=CLERK, valid_from=TODAY
        )
        order_batch(card_numbers=[card.pan], certificate_pem=PEM, actor=CLERK)
    listed = [Canary(number + PERSONS) for number in range(PERSONS)]
    batch = uploaded(
        open_places(), [row(name=each.name, document=each.document, phone=each.phone) for each in listed]
    )
    approve_batch(batch=batch, checker=CHECKER)
    run_issue_batches.delay()
    run_issue_batches()
    assert Card.objects.count() == 2 * PERSONS
    for form in ("csv", "xlsx"):
        watch.seen(as_staff("auditor").get(f"/office/audit/{form}/"))
    sinks: dict[str, Any] = {
        "database": list(database_text()),
        "server log": list(server_log()),
        "log": watch.lines,
        "tasks": watch.tasks,
        "addresses": watch.addresses,
        "mail": [str(message.message()) for message in mail.outbox],
    }
    secrets = [secret for canary in (*canaries, *listed) for secret in canary.secrets]
    hits = found(secrets, sinks)
    assert not hits, sorted(set(hits))
    assert len(watch.lines) > PERSONS
    assert watch.tasks
    assert sum(map(len, sinks["database"])) > 10_000

    # The control: one line too many, one row too clear, and both are found.
    logging.getLogger("accounts").info("registered %s", canaries[0].name)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_citizen SET name_sealed = %s", [canaries[0].name.encode()])
    planted = found([canaries[0].name], {"log": watch.lines, "database": database_text()})
    assert {sink for sink, _word in planted} == {"log", "database"}


def test_the_web_servers_log_has_no_queries() -> None:
    """Staff look for people by document number; what they typed stands in the address, and is not written down."""
    config = Config()
    config.set("access_log_format", ACCESS_FORMAT)
    environ = {
        "REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1", "RAW_URI": "/office/?q=350501199901010010", "PATH_INFO": "/office/",
        "QUERY_STRING": "q=350501199901010010", "HTTP_REFERER": "https://city/?q=350501199901010010",
    }  # fmt: skip
    answer = SimpleNamespace(status="200 OK", sent=10, headers=[])
    atoms = Logger(config).atoms(answer, SimpleNamespace(headers=[]), environ, timedelta(seconds=1))
    line = ACCESS_FORMAT % atoms
    assert "/office/" in line
    assert "350501199901010010" not in line
