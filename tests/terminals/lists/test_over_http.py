"""A terminal and its centre over real HTTP: enrolled, brought up from any version, lied to, and led to the next key."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from citizencard.core.keyservice.keystore import KeyStore
from citizencard.core.models import BusinessDay
from terminals.models import CentreKey, Grey, ListApplied, Terminal
from terminals.program.client import CentreClient
from terminals.program.clock import measure
from terminals.program.lists import ListStore, fetch
from terminals.program.orders import Orders
from terminals.services.enrolment import issue_enrolment_code
from terminals.services.hotlist import recover_card, report_loss
from terminals.services.publishing import name_next_key
from terminals.wire.grey import GreyRecord
from terminals.wire.lists import Document, ListError
from tests.factories import CLERK, NOON, make_card
from tests.fixtures_core import KeyServiceProcess
from tests.terminals.field import Field
from tests.terminals.publishing.seeds import keys_with_two_seeds

pytestmark = pytest.mark.django_db(transaction=True)


class Liar(CentreClient):
    """A line on which somebody changes what comes: `lie` is what they make of it."""

    def lie(self, body: bytes) -> bytes:
        return body

    def document(self, kind: str, since: int) -> bytes | None:
        body = super().document(kind, since)
        return body and self.lie(body)


@pytest.fixture
def two_seeds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyServiceProcess]:
    """A key service that holds another seed as well."""
    folder = tmp_path_factory.mktemp("k")
    service = KeyServiceProcess(folder / "s", "--demo-keys", str(keys_with_two_seeds(folder)))
    service.start()
    yield service
    service.stop()


def test_lists_reach_the_terminal_whatever_happens_on_the_way(
    live_server: LiveServer,
    open_day: BusinessDay,
    demo_keys: KeyStore,
    two_seeds: KeyServiceProcess,
    settings: Settings,
    tmp_path: Path,
) -> None:
    field, now = Field.install(demo_keys), timezone.now()
    # Enrolled by a code, the terminal learns the centre's key.
    code = issue_enrolment_code(terminal=field.terminal, actor=CLERK, reason="new device")
    client = Liar(live_server.url, field.terminal.code, Ed25519PrivateKey.generate())
    answer = client.enrol(one_time_code=code, terminal_no=field.terminal.terminal_no)
    installed = bytes.fromhex(answer["centre_key"])
    store = ListStore.open(tmp_path / "a", installed)
    assert fetch(store, client, now) == {}
    assert Orders.of(store).own_tariff("", NOON.date())
    assert measure(client, store.trust, timezone.now).state == "right"

    # Five versions behind, by one difference; each loss was published by its own commit.
    cards = [make_card() for _ in range(7)]
    report_loss(card=cards[0], actor=CLERK, reason="lost", occurred_at=NOON)
    assert fetch(store, client, now) == {}
    first = store.versions()["hot_list"]
    old = client.document("hot_list", 0)
    assert old
    for card in cards[1:5]:
        report_loss(card=card, actor=CLERK, reason="lost", occurred_at=NOON)
    recover_card(card=cards[0], actor=CLERK, reason="found", occurred_at=NOON)
    offered = client.document("hot_list", first)
    assert offered
    assert Document.from_bytes(offered).statement.previous == first
    assert fetch(store, client, now) == {}
    assert store.hot_list.get(cards[0].pan) is None
    assert all(store.hot_list.get(card.pan) for card in cards[1:5])

    # The difference is damaged on the way: the whole list comes instead; damaged as well, the old one stays.
    report_loss(card=cards[5], actor=CLERK, reason="lost", occurred_at=NOON)
    held = store.versions()["hot_list"]
    client.lie = lambda body: body[:-1] + bytes([body[-1] ^ 1])  # type: ignore[method-assign]
    assert {kind: error.rule for kind, error in fetch(store, client, now).items()} == {"hot_list": "digest"}
    client.lie = lambda body: body.replace(b'"count":', b'"count":1', 1)  # type: ignore[method-assign]
    assert {kind: error.rule for kind, error in fetch(store, client, now).items()} == {
        "hot_list": "signature"
    }
    client.lie = lambda body: old  # type: ignore[method-assign]
    assert {kind: error.rule for kind, error in fetch(store, client, now).items()} == {"hot_list": "rollback"}
    assert store.versions()["hot_list"] == held
    client.lie = bytes  # type: ignore[method-assign]
    assert fetch(store, client, now) == {}
    stranger = ListStore.open(tmp_path / "b", bytes(32))
    assert {error.rule for error in fetch(stranger, client, now).values()} == {"key"}

    # The centre changes its key: named first, used from its time on, and a restarted terminal still knows.
    settings.KEY_SERVICE_SOCKET = str(two_seeds.socket_path)
    begin = timezone.now() + timedelta(seconds=1.5)
    name_next_key(seed=2, valid_from=begin, present_until=begin + timedelta(days=30), actor=CLERK)
    assert fetch(store, client, timezone.now()) == {}
    time.sleep(max(0.0, (begin - timezone.now()).total_seconds()))
    report_loss(card=cards[6], actor=CLERK, reason="lost", occurred_at=NOON)
    assert fetch(store, client, timezone.now()) == {}
    assert measure(client, store.trust, timezone.now).state == "right"
    reopened = ListStore.open(tmp_path / "a", installed)
    assert (reopened.trust.version, reopened.damaged) == (1, [])
    assert reopened.hot_list.get(cards[6].pan)
    assert bytes(CentreKey.objects.get(number=1).public_key) == reopened.trust.keys[-1].public_key
    # One that missed the change is led to it by the key it knows.
    assert fetch(ListStore.open(tmp_path / "c", installed), client, timezone.now()) == {}
    with pytest.raises(ListError, match="key"):
        ListStore(tmp_path / "d", store.trust.installed(installed)).offer(
            "hot_list", client.document("hot_list", 0) or b"", timezone.now()
        )

    # The centre knows what the terminal applies, and takes its purchases without proof.
    assert fetch(store, client, timezone.now()) == {}
    terminal = Terminal.objects.get(pk=field.terminal.pk)
    assert terminal.hot_list_version == store.versions()["hot_list"]
    assert ListApplied.objects.filter(terminal=terminal, version=first).exists()
    grey = GreyRecord(field.tap(make_card(), 1, balance_fen=0), "no_answer")
    assert client.post_greys([grey]) == {"received": 1}
    assert json.loads(grey.to_json())["cause"] == Grey.objects.get().cause
