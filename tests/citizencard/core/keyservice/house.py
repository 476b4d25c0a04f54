"""What web and worker processes do with keys all day, as one piece of work: the test that sends it holds the keys."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from celery import shared_task
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from accounts.selectors.people import find_citizen
from accounts.services import citizens
from citizencard.core.keyservice.client import key_service
from citizencard.core.keyservice.signing import SignPurpose
from terminals.card.keys import CARD_SLOTS, SAM_SLOTS

ACTOR = "memory"
CHALLENGE = bytes(range(8))


def do(order: dict[str, Any]) -> None:
    """Everything an order of `test_memory.Planted.order` asks for; AssertionError when an answer is not as it should be."""
    load(order)
    assert set(key_service().verify_purchase_tacs(bytes.fromhex(order["records"]))) == {1}
    personalise(bytes.fromhex(order["chip"]), bytes.fromhex(order["serial"]))
    person = citizens.register_citizen(
        name="林美玲",
        document_kind="resident_id",
        document_number=order["document"],
        phone="13859700001",
        actor=ACTOR,
    )
    assert find_citizen(document_number=order["document"]) == person
    assert citizens.reveal_citizen(citizen=person, actor=ACTOR, reason="test").name == "林美玲"


def load(order: dict[str, Any]) -> None:
    """A load from the card's MAC1 to its TAC."""
    fields: dict[str, Any] = {
        "serial8": bytes.fromhex(order["serial"]),
        "key_version": 1,
        "online_atc": 41,
        "amount_fen": 5000,
        "terminal_no6": bytes.fromhex(order["terminal"]),
        "when": datetime.fromisoformat(order["when"]),
    }
    rand4, mac1 = bytes.fromhex(order["rand"]), bytes.fromhex(order["mac1"])
    assert len(key_service().authorise_load(**fields, rand4=rand4, balance_fen=500, mac1=mac1)) == 4
    assert key_service().verify_load_tac(**fields, balance_after_fen=5500, tac=bytes.fromhex(order["tac"]))


def personalise(chip_serial8: bytes, card_serial8: bytes) -> None:
    """All keys of a card and of a SAM, a file, and a maintenance command; and a signature."""
    counter = key_service("counter")
    for slots, serial8 in ((CARD_SLOTS, card_serial8), (SAM_SLOTS, None)):
        for slot in slots:
            counter.write_key_command(
                chip_serial8=chip_serial8, slot=slot, version=1, card_serial8=serial8, challenge=CHALLENGE
            )
    counter.mac_command(
        chip_serial8=chip_serial8, header=bytes.fromhex("04D69500"), data=bytes(30), challenge=CHALLENGE
    )
    counter.maintenance_command(
        card_serial8=card_serial8,
        version=1,
        header=bytes.fromhex("841E0000"),
        data=b"",
        challenge=CHALLENGE,
    )
    counter.sign(SignPurpose.BUREAU_FILE, b"list of today")


@shared_task(name="memory.work")
def work_in_worker(order: dict[str, Any]) -> None:
    """The same in a worker."""
    do(order)


@csrf_exempt
def work(request: HttpRequest) -> HttpResponse:
    """Do one order here and pass the other on to a worker."""
    here, there = json.loads(request.body)
    do(here)
    work_in_worker.delay(there)
    return HttpResponse("done")


urlpatterns = [path("work/", work), path("", include("citizencard.urls"))]
