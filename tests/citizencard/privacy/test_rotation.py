"""People's data are sealed anew under the next key while everybody works: cut off, begun again, and nothing unreadable on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.test import Client

from accounts.models import Citizen
from accounts.services.citizens import reveal_citizen
from citizencard.core import pii
from citizencard.core.keyservice.keystore import Algorithm, Master
from citizencard.core.models import AuditEntry
from citizencard.privacy.selectors.sealed import COLUMNS, KEPT, standing, waiting
from citizencard.privacy.services import rotation
from tests.citizencard.city import make_staff
from tests.factories import document_number, make_citizen
from tests.fixtures_core import DEMO_KEYS, KeyServiceProcess

PEOPLE = 5
NEXT = 3
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def next_socket() -> Iterator[str]:
    """A key service that has one more data key than the others."""
    content = json.loads(DEMO_KEYS.read_text())
    key = Master(Algorithm.AES, bytes(range(32)))
    content["keys"].append({"usage": "PII_DEK", "version": NEXT, "value": key.key.hex(), "kcv": key.kcv})
    with TemporaryDirectory(prefix="cc-keys-") as folder:
        file = Path(folder) / "keys.json"
        file.write_text(json.dumps(content))
        service = KeyServiceProcess(Path(folder) / "keys.sock", "--demo-keys", str(file))
        service.start()
        yield str(service.socket_path)
        service.stop()


@pytest.fixture
def people(settings: Any, next_socket: str, monkeypatch: pytest.MonkeyPatch) -> list[Citizen]:
    """People of the key before, and from now on the next one is there."""
    made = [make_citizen(name="林美玲", document_number=document_number()) for _ in range(PEOPLE)]
    monkeypatch.setattr(rotation, "CHUNK", 2)
    settings.KEY_SERVICE_SOCKET = next_socket
    return made


def legible(people: Sequence[Citizen]) -> bool:
    return {
        reveal_citizen(citizen=Citizen.objects.get(pk=each.pk), actor="clerk", reason="check").name
        for each in people
    } == {"林美玲"}


def test_every_sealed_column_is_turned_or_kept_for_a_reason() -> None:
    sealed = {
        (model._meta.label, field.name)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.name.endswith("_sealed")
    }
    turned = {(column.model._meta.label, column.name) for column in COLUMNS}
    assert {each for each in sealed if each[0] not in KEPT} == turned


def test_everything_is_under_the_next_key_in_the_end(people: list[Citizen]) -> None:
    assert waiting(standing()) == 4 * PEOPLE
    assert legible(people)
    assert sum(rotation.reseal_all()) == 4 * PEOPLE
    assert {row.version for row in standing()} == {NEXT}
    assert legible(people)
    assert list(rotation.reseal_all()) == []
    assert AuditEntry.objects.get(action="personal_data.reseal").detail == {"values": 4 * PEOPLE}


def test_cut_off_anywhere_it_goes_on_and_all_is_legible_meanwhile(people: list[Citizen]) -> None:
    cuts, sealed = 0, 0
    while True:
        chunk = next(rotation.reseal_all(), 0)
        if not chunk:
            break
        cuts, sealed = cuts + 1, sealed + chunk
        assert legible(people)
    assert (sealed, waiting(standing())) == (4 * PEOPLE, 0)
    assert cuts > 10


def test_what_somebody_writes_meanwhile_stays(people: list[Citizen], monkeypatch: pytest.MonkeyPatch) -> None:
    first = Citizen.objects.order_by("pk")[0]
    newer = pii.seal("accounts_citizen", "name", first.pk, "林玲")

    def slowly(fields: Sequence[pii.SealedField]) -> list[bytes]:
        Citizen.objects.filter(pk=first.pk).update(name_sealed=newer)
        return pii.reseal_many(fields)

    monkeypatch.setattr(rotation, "reseal_many", slowly)
    assert sum(rotation.reseal_all()) == 4 * PEOPLE - 1
    assert bytes(Citizen.objects.get(pk=first.pk).name_sealed) == newer
    assert waiting(standing()) == 0


def test_the_command_shows_and_turns(people: list[Citizen]) -> None:
    for words, left in (["--show"], 4 * PEOPLE), ([], 0):
        printed = StringIO()
        call_command("rotate_personal_data", *words, stdout=printed)
        assert "AES-256-GCM" in printed.getvalue()
        assert waiting(standing()) == left


@pytest.mark.usefixtures("_quick_passwords")
def test_the_auditor_sees_how_far_it_is(people: list[Citizen], as_staff: Callable[[str], Client]) -> None:
    make_staff()
    page = as_staff("auditor").get("/office/sealed/").content.decode()
    assert f"{4 * PEOPLE}" in page
    assert "AES-256-GCM" in page
    assert as_staff("clerk").get("/office/sealed/").status_code == 403
