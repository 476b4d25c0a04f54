"""A device becomes a terminal by a code and a key of its own; keys follow one another, and end at once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import Card
from citizencard.core.models import AuditEntry
from terminals.errors import IllegalTerminalStep
from terminals.models import EnrolmentCode, Terminal, TerminalKey
from terminals.services.enrolment import TRIES_MAX, issue_enrolment_code
from terminals.services.field import register_terminal
from terminals.services.fleet import (
    resume_terminal,
    retire_terminal,
    revoke_terminal,
    suspend_terminal,
)
from terminals.services.keys import OVERLAP
from terminals.wire.batch import build_batch
from terminals.wire.enrolment import ENROLMENT, ROTATION, plain_code, prove_possession
from tests.factories import CLERK
from tests.terminals.field import Field, deliver

pytestmark = pytest.mark.django_db
SAM = "3970000000AA"


@pytest.fixture
def device(field: Field) -> Field:
    """A device on record that nobody has enrolled."""
    terminal = register_terminal(
        code="new-1",
        merchant=field.terminal.merchant,
        place="K1",
        tariff_code="flat",
        terminal_no=SAM,
    )
    return Field(field.keys, terminal, Ed25519PrivateKey.generate())


def code_for(terminal: Terminal) -> str:
    return issue_enrolment_code(terminal=terminal, actor=CLERK, reason="installed")


def asked(device: Field, code: str, /, **changes: Any) -> dict[str, Any]:
    """What the device sends."""
    key = device.private_key
    proof = prove_possession(purpose=ENROLMENT, code=plain_code(code), terminal_no=SAM, key=key)
    public = key.public_key().public_bytes_raw().hex()
    return {"code": code, "terminal_no": SAM, "public_key": public, "proof": proof} | changes


def post(content: Any) -> HttpResponse:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    answer: HttpResponse = Client().post("/api/v1/enrolments", body, content_type="application/json")
    return answer


def code_of(answer: HttpResponse) -> str:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return str(json.loads(answer.content)["code"])


def fresh(device: Field) -> Terminal:
    return Terminal.objects.get(pk=device.terminal.pk)


# --- enrolment ------------------------------------------------------------------------------------------------------


def test_a_device_enrols_and_signs_from_then_on(device: Field) -> None:
    assert device.get("/api/v1/terminal").status_code == 401
    answer = post(asked(device, code_for(device.terminal)))
    assert answer.status_code == 201
    told = json.loads(answer.content)
    assert (told["code"], told["place"], told["state"]) == ("new-1", "K1", "active")
    assert device.get("/api/v1/terminal").status_code == 200
    assert fresh(device).state == Terminal.State.ACTIVE
    entry = AuditEntry.objects.get(action="terminal.enrol")
    assert (entry.actor, entry.subject) == (CLERK, "terminal:new-1")


def test_a_code_is_typed_as_people_type(device: Field) -> None:
    code = code_for(device.terminal)
    assert post(asked(device, f" {code.lower().replace('-', ' ')}")).status_code == 201


def test_a_code_is_kept_as_a_keyed_digest_only(device: Field) -> None:
    code = plain_code(code_for(device.terminal))
    assert code not in str(EnrolmentCode.objects.values().get())
    assert code not in str(list(AuditEntry.objects.values_list("detail", flat=True)))


def test_a_code_works_once(device: Field) -> None:
    code = code_for(device.terminal)
    post(asked(device, code))
    again = Field(device.keys, device.terminal, Ed25519PrivateKey.generate())
    assert code_of(post(asked(again, code))) == "enrolment_code_invalid"
    assert again.get("/api/v1/terminal").status_code == 401


def test_after_a_lost_answer_the_device_asks_again_and_the_code_is_still_its_own(device: Field) -> None:
    content = asked(device, code_for(device.terminal))
    assert {post(content).status_code for _time in range(2)} == {201}
    assert TerminalKey.objects.filter(terminal=device.terminal).count() == 1
    revoke_terminal(terminal=device.terminal, actor=CLERK, reason="stolen")
    assert post(content).status_code == 403


def test_a_newer_code_ends_the_one_before(device: Field) -> None:
    old, new = code_for(device.terminal), code_for(device.terminal)
    assert code_of(post(asked(device, old))) == "enrolment_code_invalid"
    assert post(asked(device, new)).status_code == 201


def test_a_code_lives_an_hour(device: Field) -> None:
    code = code_for(device.terminal)
    EnrolmentCode.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert code_of(post(asked(device, code))) == "enrolment_code_invalid"


def test_after_five_guesses_the_right_code_is_of_no_use(device: Field) -> None:
    code = code_for(device.terminal)
    for _guess in range(TRIES_MAX):
        assert post(asked(device, "AAAA-AAAA")).status_code == 403
    assert code_of(post(asked(device, code))) == "enrolment_code_invalid"
    assert post(asked(device, code_for(device.terminal))).status_code == 201


def test_the_code_of_one_terminal_is_of_no_use_to_another_sam(device: Field, field: Field) -> None:
    code = code_for(device.terminal)
    wrong = asked(device, code, terminal_no=field.terminal.terminal_no)
    unknown = asked(device, code, terminal_no="F" * 12)
    assert {code_of(post(wrong)), code_of(post(unknown))} == {"enrolment_code_invalid"}


def test_the_proof_is_over_code_sam_and_key(device: Field) -> None:
    code = code_for(device.terminal)
    key, stranger = device.private_key, Ed25519PrivateKey.generate()
    right = {"purpose": ENROLMENT, "code": plain_code(code), "terminal_no": SAM}
    wrong: tuple[dict[str, Any], ...] = (
        {"purpose": ROTATION}, {"code": "AAAAAAAA"}, {"terminal_no": "F" * 12},
    )  # fmt: skip
    proofs = [prove_possession(**right | change, key=key) for change in wrong]
    proofs.append(prove_possession(**right, key=stranger))
    for proof in proofs:
        answer = post(asked(device, code, proof=proof))
        assert (answer.status_code, code_of(answer)) == (422, "proof_wrong")
    assert not TerminalKey.objects.filter(terminal=device.terminal).exists()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b"\xff",
        b"[" * 1000,
        b"{}",
        b'{"code":"A","code":"B"}',
        b'{"code":NaN}',
    ],
)
def test_bad_bodies_are_problems(device: Field, body: bytes) -> None:
    answer = post(body)
    assert (answer.status_code, code_of(answer)) in {(400, "invalid_request"), (400, "parse_error")}


@pytest.mark.parametrize(
    "change",
    [
        {"public_key": "00" * 31},
        {"public_key": "Z" * 64},
        {"proof": ""},
        {"terminal_no": "a"},
        {"code": "x" * 21},
    ],
)
def test_a_wrong_field_is_named(device: Field, change: dict[str, str]) -> None:
    answer = post(asked(device, code_for(device.terminal), **change))
    assert answer.status_code == 400
    assert json.loads(answer.content)["errors"].keys() == change.keys()


def test_a_body_too_large_and_a_wrong_type_are_refused(device: Field) -> None:
    assert post(b" " * 1025).status_code == 413
    assert Client().post("/api/v1/enrolments", b"<x/>", content_type="text/xml").status_code == 415
    assert Client().get("/api/v1/enrolments").status_code == 405


def test_enrolled_anew_the_old_key_counts_no_more(field: Field) -> None:
    old, new = field, Field(field.keys, field.terminal, Ed25519PrivateKey.generate())
    code, sam = code_for(field.terminal), field.terminal.terminal_no
    proof = prove_possession(purpose=ENROLMENT, code=plain_code(code), terminal_no=sam, key=new.private_key)
    assert post(asked(new, code, terminal_no=sam, proof=proof)).status_code == 201
    assert new.get("/api/v1/terminal").status_code == 200
    assert code_of(old.get("/api/v1/terminal")) == "key_revoked"


def test_a_key_that_was_used_before_is_no_new_one(device: Field, field: Field) -> None:
    thief = Field(device.keys, device.terminal, field.private_key)
    answer = post(asked(thief, code_for(device.terminal)))
    assert (answer.status_code, code_of(answer)) == (409, "key_taken")
    assert fresh(device).state == Terminal.State.REGISTERED
    assert field.get("/api/v1/terminal").status_code == 200


@pytest.mark.parametrize("end", [revoke_terminal, retire_terminal])
def test_the_end_of_a_terminal_ends_its_codes(device: Field, end: Any) -> None:
    code = code_for(device.terminal)
    end(terminal=device.terminal, actor=CLERK, reason="lost")
    assert code_of(post(asked(device, code))) == "illegal_terminal_step"
    with pytest.raises(IllegalTerminalStep):
        code_for(device.terminal)


# --- rotation -------------------------------------------------------------------------------------------------------


def rotate(field: Field, new: Ed25519PrivateKey, **changes: Any) -> HttpResponse:
    """Name the next key, signed with the present one unless told otherwise."""
    proof = prove_possession(
        purpose=ROTATION, code=field.terminal.code, terminal_no=field.terminal.terminal_no, key=new
    )
    public = new.public_key().public_bytes_raw().hex()
    return field.post_json("/api/v1/keys", {"public_key": public, "proof": proof}, **changes)


def test_both_keys_count_for_a_week_and_then_the_new_one_alone(field: Field) -> None:
    new = Field(field.keys, field.terminal, Ed25519PrivateKey.generate())
    assert rotate(field, new.private_key).status_code == 201
    assert {each.get("/api/v1/terminal").status_code for each in (field, new)} == {200}
    old = TerminalKey.objects.get(terminal=field.terminal, origin="installed")
    assert old.valid_until is not None
    assert abs(old.valid_until - timezone.now() - OVERLAP) < timedelta(minutes=1)
    TerminalKey.objects.filter(pk=old.pk).update(valid_until=timezone.now())
    assert code_of(field.get("/api/v1/terminal")) == "key_expired"
    assert new.get("/api/v1/terminal").status_code == 200
    assert AuditEntry.objects.get(action="terminal.rotate").actor == field.terminal.code


def test_after_a_lost_answer_the_same_is_asked_again_with_either_key(field: Field) -> None:
    new = Ed25519PrivateKey.generate()
    first = rotate(field, new)
    assert rotate(field, new).content == rotate(field, new, key=new).content == first.content
    assert TerminalKey.objects.filter(terminal=field.terminal).count() == 2


def test_a_key_has_one_successor(field: Field) -> None:
    rotate(field, Ed25519PrivateKey.generate())
    thief = rotate(field, Ed25519PrivateKey.generate())
    assert (thief.status_code, code_of(thief)) == (409, "rotation_superseded")


def test_a_key_that_the_terminal_does_not_hold_is_not_taken(field: Field) -> None:
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    answer = field.post_json("/api/v1/keys", {"public_key": public, "proof": "00" * 64})
    assert (answer.status_code, code_of(answer)) == (422, "proof_wrong")


def test_going_back_to_an_earlier_key_is_refused(field: Field) -> None:
    first, new = field.private_key, Ed25519PrivateKey.generate()
    rotate(field, new)
    answer = rotate(field, first, key=new)
    assert (answer.status_code, code_of(answer)) == (409, "key_taken")


# --- revocation and the other steps ---------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [revoke_terminal, retire_terminal])
def test_revoked_every_key_is_refused_at_once_and_by_name(field: Field, end: Any) -> None:
    new = Field(field.keys, field.terminal, Ed25519PrivateKey.generate())
    rotate(field, new.private_key)
    end(terminal=field.terminal, actor=CLERK, reason="stolen")
    assert {code_of(each.get("/api/v1/terminal")) for each in (field, new)} == {"key_revoked"}
    stranger = field.signed("GET", "/api/v1/terminal", key=Ed25519PrivateKey.generate())
    assert code_of(deliver(stranger)) == "signature_invalid"


def test_a_suspended_terminal_is_told_so_and_may_hand_in_what_it_has(field: Field, card: Card) -> None:
    suspend_terminal(terminal=field.terminal, actor=CLERK, reason="workshop")
    assert json.loads(field.get("/api/v1/terminal").content)["state"] == "suspended"
    assert field.post_batch(build_batch("B1", [field.tap(card, 1)])).status_code == 200
    resume_terminal(terminal=field.terminal, actor=CLERK, reason="repaired")
    assert json.loads(field.get("/api/v1/terminal").content)["state"] == "active"


def test_each_step_is_audited_and_no_other_is_taken(field: Field, device: Field) -> None:
    told = {"actor": CLERK, "reason": "test"}
    with pytest.raises(IllegalTerminalStep):
        resume_terminal(terminal=device.terminal, **told)  # no key: active by enrolment alone
    with pytest.raises(IllegalTerminalStep):
        resume_terminal(terminal=field.terminal, **told)
    suspend_terminal(terminal=field.terminal, **told)
    with pytest.raises(IllegalTerminalStep):
        suspend_terminal(terminal=field.terminal, **told)
    retire_terminal(terminal=field.terminal, **told)
    for step in (suspend_terminal, resume_terminal, revoke_terminal, retire_terminal):
        with pytest.raises(IllegalTerminalStep):
            step(terminal=field.terminal, **told)
    steps = AuditEntry.objects.filter(subject=f"terminal:{field.terminal.code}").order_by("pk")
    assert [entry.action for entry in steps] == ["terminal.register", "terminal.suspend", "terminal.retire"]
    assert fresh(field).state_reason == "test"
