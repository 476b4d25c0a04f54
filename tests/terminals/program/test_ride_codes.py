"""Ride codes: good for one ride within a minute; each way of cheating has its own answer."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from terminals.program import ride_codes as module
from terminals.program.outcomes import OUTCOMES
from terminals.program.ride_codes import TOLERANCE, RideCodes
from terminals.wire.reasons import REASONS
from terminals.wire.ride_code import PREFIX, RideCode, RideCodeError, issue, key_of, read

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
KEYS = {key_of(PUBLIC): PUBLIC}
RIDE = RideCode(bytes(range(16)), "3104397000000000001", NOW, timedelta(seconds=60), 500)


def text_of(ride: RideCode = RIDE, key: Ed25519PrivateKey = KEY, public: bytes = PUBLIC) -> str:
    return issue(ride, public, key.sign)


def reason(codes: RideCodes, text: str, when: datetime = NOW) -> str:
    with pytest.raises(RideCodeError) as caught:
        codes.accept(text, when, 500)
    assert caught.value.code in REASONS
    assert caught.value.code in OUTCOMES
    return caught.value.code


@pytest.fixture
def codes() -> RideCodes:
    return RideCodes(KEYS)


def test_the_code_has_one_form() -> None:
    raw = base64.urlsafe_b64decode(text_of()[len(PREFIX) :] + "==")
    assert raw[:40].hex() == "56475aa75463474c" + bytes(range(16)).hex() + "2b15089faac9d00169a50b403c0001f4"
    assert len(raw) == 104
    assert KEY.sign(b"citizencard ride code 1\n" + raw[:40]) == raw[40:]


@given(
    st.binary(min_size=16, max_size=16),
    st.from_regex(r"[0-9]{16}(?:[0-9]{3})?", fullmatch=True),
    st.integers(1, 60),
    st.integers(0, 0xFFFFFF),
)
def test_what_is_issued_is_read(number: bytes, card_no: str, seconds: int, most_fen: int) -> None:
    ride = RideCode(number, card_no, NOW, timedelta(seconds=seconds), most_fen)
    assert read(text_of(ride), KEYS) == ride


def test_a_code_is_good_for_one_ride(codes: RideCodes) -> None:
    assert codes.accept(text_of(), NOW, 500) == RIDE
    assert reason(codes, text_of()) == "qr_replayed"
    assert reason(codes, text_of(), NOW + timedelta(days=1)) == "qr_replayed"
    assert codes.accept(text_of(replace(RIDE, number=bytes(16))), NOW, 500)


def test_time_is_judged_to_the_second(codes: RideCodes) -> None:
    end, second = NOW + timedelta(seconds=60) + TOLERANCE, timedelta(seconds=1)
    assert reason(codes, text_of(), end) == "qr_expired"
    assert reason(codes, text_of(), NOW - TOLERANCE - second) == "qr_early"
    assert codes.accept(text_of(), end - second, 500)
    assert codes.accept(text_of(replace(RIDE, number=bytes(16))), NOW - TOLERANCE, 500)


def test_forged_altered_and_foreign_codes_are_told_apart(codes: RideCodes) -> None:
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(32))
    assert reason(codes, text_of(key=stranger)) == "qr_forged"
    assert reason(codes, text_of(key=stranger, public=stranger.public_key().public_bytes_raw())) == "qr_key"
    codes.accept(text_of(), NOW, 500)
    assert reason(codes, text_of(replace(RIDE, most_fen=9_999), stranger)) == "qr_altered"
    assert reason(codes, text_of(replace(RIDE, most_fen=9_999))) == "qr_altered"


@given(st.integers(0, 103), st.integers(1, 255))
def test_a_changed_byte_is_never_accepted(at: int, mask: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(text_of()[len(PREFIX) :] + "=="))
    raw[at] ^= mask
    text = PREFIX + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    assert reason(RideCodes(KEYS), text) == ("qr_key" if at < 8 else "qr_forged")


@given(st.text() | st.text().map(lambda rest: PREFIX + rest))
def test_noise_is_no_code(text: str) -> None:
    assert reason(RideCodes(KEYS), text) == "qr_format"


def test_another_spelling_of_the_same_bytes_is_no_code(codes: RideCodes) -> None:
    text = text_of()
    last = chr(ord(text[-1]) + 1)
    for other in (f"{text}=", f"{text}\n", f" {text}", text[:-1] + last):
        assert reason(codes, other) in ("qr_format", "qr_forged")


def test_a_signed_code_of_a_wrong_lifetime_is_no_code(codes: RideCodes) -> None:
    raw = base64.urlsafe_b64decode(text_of()[len(PREFIX) :] + "==")
    for lifetime in (0, 61):
        body = raw[:36] + bytes([lifetime]) + raw[37:40]
        signed = body + KEY.sign(b"citizencard ride code 1\n" + body)
        assert reason(codes, PREFIX + base64.urlsafe_b64encode(signed).rstrip(b"=").decode()) == "qr_format"


@pytest.mark.parametrize(
    "wrong",
    [
        {"lifetime": timedelta(seconds=61)},
        {"lifetime": timedelta(0)},
        {"most_fen": 1 << 24},
        {"number": b"1"},
    ],
)
def test_no_code_is_issued_beyond_its_bounds(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="ride code"):
        text_of(replace(RIDE, **wrong))  # type: ignore[arg-type]


def test_the_memory_of_codes_is_bounded_and_never_forgets_a_living_one(
    codes: RideCodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED_MAX", 3)
    texts = [text_of(replace(RIDE, number=bytes([number] * 16))) for number in range(4)]
    for text in texts[:3]:
        codes.accept(text, NOW, 500)
    assert reason(codes, texts[3]) == "qr_busy"
    assert reason(codes, texts[0]) == "qr_replayed"
    later = replace(RIDE, number=b"9" * 16, issued_at=NOW + timedelta(hours=1))
    assert codes.accept(text_of(later), NOW + timedelta(hours=1), 500)
