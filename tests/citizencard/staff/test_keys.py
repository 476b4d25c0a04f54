"""Security keys where no browser is needed: nonsense is refused, and what one takes away is one's own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citizencard.staff.errors import FactorRefused, NoSecurityKeys
from citizencard.staff.models import SecurityKey
from citizencard.staff.services import keys
from tests.citizencard.staff.desk import APP, FACTOR, Desk

SITE = "https://card.example.gov.cn"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON,
        "rawId": st.just("AAAA") | JSON,
        "type": st.just("public-key") | JSON,
        "response": st.fixed_dictionaries(
            {},
            optional={
                "clientDataJSON": st.sampled_from(["", "e30", "bnVsbA", "W10"]) | JSON,
                "attestationObject": st.sampled_from(["oA", "gA", "AA"]) | JSON,
                "authenticatorData": st.sampled_from(["AA", "A" * 60]) | JSON,
                "signature": JSON,
                "userHandle": JSON,
            },
        )
        | JSON,
    },
)


@pytest.fixture
def named(settings: Any) -> None:
    settings.PORTAL_URL = SITE


def add(desk: Desk, name: str = "blue", credential_id: bytes = b"1") -> SecurityKey:
    """A row as `add_key` would write it; nothing is ever signed with it."""
    return SecurityKey.objects.create(
        user=desk.user, name=name, credential_id=credential_id, credential=b"", sign_count=0
    )


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(answer=ANSWERS, state=st.just({}) | st.just({"challenge": "AAAA", "user_verification": None}))
def test_nonsense_is_refused_and_no_fault(desk: Desk, named: None, answer: Any, state: Any) -> None:
    with pytest.raises(FactorRefused):
        keys.add_key(user=desk.user, name="x", state=state, answer=answer)
    with pytest.raises(FactorRefused):
        keys.use_key(user=desk.user, state=state, answer=answer)


def test_a_site_without_a_name_has_no_keys(desk: Desk, settings: Any) -> None:
    settings.PORTAL_URL = "http://127.0.0.1:8000"
    desk.sign_in()
    assert "/office/account/key/" not in desk.client.get("/office/account/enrol/").content.decode()
    with pytest.raises(NoSecurityKeys):
        keys.ask_for_new_key(user=desk.user)
    assert desk.client.get("/office/account/key/")["Location"] == "/office/account/"


def test_options_name_the_site_and_the_keys_there_are(desk: Desk, named: None) -> None:
    options, state = keys.ask_for_new_key(user=desk.user)
    assert options["rp"]["id"] == "card.example.gov.cn"
    assert json.loads(json.dumps(state)) == state


def test_one_removes_ones_own_and_not_the_need_of_one(desk: Desk) -> None:
    """The last one gone, the password alone sets up no other: a code of the list does."""
    desk.sign_in()
    desk.enrol()
    own, theirs = add(desk), add(Desk("finance"), credential_id=b"2")
    for key in (own, theirs):
        desk.client.post("/office/account/", {"step": "remove_key", "number": str(key.pk)})
    assert SecurityKey.objects.get() == theirs
    desk.client.post("/office/account/", {"step": "remove_app"})
    assert desk.inside()
    desk.client = Client()
    desk.sign_in()
    assert desk.client.get(APP)["Location"].startswith(FACTOR)
    desk.show(desk.codes[0])
    desk.enrol()
    assert desk.inside()


def test_in_the_demo_the_last_one_gone_the_password_is_enough_again(desk: Desk, settings: Any) -> None:
    settings.STAFF_SECOND_FACTOR = False
    desk.sign_in()
    desk.enrol()
    desk.client.post("/office/account/", {"step": "remove_app"})
    desk.client = Client()
    desk.sign_in()
    assert desk.inside()
