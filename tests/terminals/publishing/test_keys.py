"""The centre's keys: the first is found, the next is named by the one before, and a terminal can follow from where it was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from citizencard.core.errors import Conflict, InvalidField
from citizencard.core.keyservice.errors import KeyServiceError
from citizencard.core.models import AuditEntry
from terminals.models import CentreKey
from terminals.services.publishing import name_next_key, present_key
from terminals.wire.lists import Document, Trust
from tests.factories import CLERK
from tests.fixtures_core import KeyServiceProcess
from tests.terminals.field import Field
from tests.terminals.publishing.seeds import keys_with_two_seeds

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def two_seeds(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The key service has got another seed meanwhile; the centre has signed with the first one before."""
    present_key(timezone.now())
    folder = Path(tmp_path_factory.mktemp("k"))
    service = KeyServiceProcess(folder / "s", "--demo-keys", str(keys_with_two_seeds(folder)))
    service.start()
    settings.KEY_SERVICE_SOCKET = str(service.socket_path)
    yield
    service.stop()


def named(valid_from: datetime, **changes: object) -> CentreKey:
    terms = {"seed": 2, "present_until": valid_from + HOUR, "actor": CLERK} | changes
    return name_next_key(valid_from=valid_from, **terms)  # type: ignore[arg-type]


def test_the_first_key_is_the_key_services_and_stays(field: Field) -> None:
    key = present_key(timezone.now())
    assert present_key(timezone.now()) == key
    assert (key.number, key.seed) == (0, 1)
    with pytest.raises(IntegrityError), transaction.atomic():
        CentreKey.objects.update(seed=3)


def test_the_next_key_signs_from_its_time_on_and_terminals_follow(field: Field, two_seeds: None) -> None:
    now = timezone.now()
    trust = Trust.installed(bytes(present_key(now).public_key))
    assert field.get("/api/v1/documents/next_key/0").status_code == 204
    key = named(now + HOUR)
    assert (present_key(now).number, present_key(now + HOUR)) == (0, key)
    document = Document.from_bytes(field.get("/api/v1/documents/next_key/0").content)
    trust = trust.rotated(document, now)
    assert trust.version == key.number == 1
    assert field.get("/api/v1/documents/next_key/1").status_code == 204
    assert (
        AuditEntry.objects.get(action="centre_key.name").detail["public_key"] == bytes(key.public_key).hex()
    )
    assert named(now + HOUR) == key
    with pytest.raises(Conflict):
        named(now + 2 * HOUR)


def test_a_terminal_installed_after_the_change_is_not_told_of_it(field: Field, two_seeds: None) -> None:
    now = timezone.now()
    named(now + timedelta(seconds=1), now=now)
    field.terminal.keys.update(valid_from=now + HOUR)
    assert field.get("/api/v1/documents/next_key/0").status_code == 204


def test_a_key_in_the_past_or_one_that_is_not_there_is_not_named(field: Field, two_seeds: None) -> None:
    now = timezone.now()
    with pytest.raises(InvalidField):
        named(now - HOUR)
    with pytest.raises(InvalidField):
        named(now + HOUR, present_until=now)
    with pytest.raises(KeyServiceError):
        named(now + HOUR, seed=3)
    assert CentreKey.objects.count() == 1
