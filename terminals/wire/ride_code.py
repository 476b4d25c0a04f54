"""A ride code (乘车码): a one-time code the holder's phone shows, checked by a terminal without a line.

The text in the QR code is `CC1.` and base64url (without padding) of 104 bytes, big-endian:

| bytes | what |
|---|---|
| 8 | key: the first 8 bytes of the SHA-256 of the centre's public key for ride codes |
| 16 | number of the code, random; it is the code's identity, for replay and for settling |
| 8 | card, as one number (`packed.pack_number`) |
| 4 | issued, seconds since 1970 (UTC) |
| 1 | lifetime in seconds, 1 to 60 |
| 3 | most that may be charged in fen |
| 64 | Ed25519 signature over `citizencard ride code 1`, a line feed, and the 40 bytes before |

The centre signs, so a phone without a line shows what it fetched before, for a minute at most. A signature that does not verify
cannot tell a forged code from an altered one; what tells them apart is whether the code's number is one the terminal has seen
with other bytes (altered), see `program.ride_codes`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from terminals.wire.errors import WireError
from terminals.wire.packed import pack_number, unpack_number

PREFIX: Final = "CC1."
LIFETIME_MAX: Final = timedelta(seconds=60)
AMOUNT_MAX_FEN: Final = 0xFF_FFFF
KEY_BYTES: Final = 8
NUMBER_BYTES: Final = 16
SIGNATURE_BYTES: Final = 64
_BODY: Final = struct.Struct(">8s16sQIB3s")
_CONTEXT: Final = b"citizencard ride code 1\n"


class RideCodeError(WireError):
    """A code is not accepted; `code` is its reason in `wire.reasons`."""

    def __init__(self, code: str) -> None:
        """Name the reason."""
        self.code = code
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class RideCode:
    """What a code says. `number` has 16 bytes; `issued_at` whole seconds; `most_fen` is the most it may be charged."""

    number: bytes
    card_no: str
    issued_at: datetime
    lifetime: timedelta
    most_fen: int

    @property
    def expires_at(self) -> datetime:
        """The first moment it counts no more."""
        return self.issued_at + self.lifetime


def issue(ride: RideCode, public_key: bytes, sign: Callable[[bytes], bytes]) -> str:
    """The text to show, signed with the private half of `public_key` (raw, 32 bytes). ValueError names what is out of range."""
    if not timedelta(0) < ride.lifetime <= LIFETIME_MAX:
        raise ValueError("a ride code lives from 1 to 60 seconds")
    if not 0 <= ride.most_fen <= AMOUNT_MAX_FEN:
        raise ValueError(f"a ride code is for at most {AMOUNT_MAX_FEN} fen")
    if len(ride.number) != NUMBER_BYTES:
        raise ValueError(f"the number of a ride code has {NUMBER_BYTES} bytes")
    body = _BODY.pack(
        key_of(public_key),
        ride.number,
        pack_number(ride.card_no),
        int(ride.issued_at.timestamp()),
        int(ride.lifetime.total_seconds()),
        ride.most_fen.to_bytes(3),
    )
    return PREFIX + base64.urlsafe_b64encode(body + sign(_CONTEXT + body)).rstrip(b"=").decode()


def read(text: str, keys: Mapping[bytes, bytes]) -> RideCode:
    """What a signed code says; nothing of time is judged here. `keys` are raw public keys by `key_of`.

    Raises RideCodeError `qr_format` (no such code), `qr_key` (unknown key), `qr_forged` (the signature does not verify).
    """
    raw = _raw(text)
    body, signature = raw[: _BODY.size], raw[_BODY.size :]
    key, number, packed, issued, lifetime, most = _BODY.unpack(body)
    if key not in keys:
        raise RideCodeError("qr_key")
    try:
        Ed25519PublicKey.from_public_bytes(keys[key]).verify(signature, _CONTEXT + body)
    except InvalidSignature as error:
        raise RideCodeError("qr_forged") from error
    span = timedelta(seconds=lifetime)
    if not timedelta(0) < span <= LIFETIME_MAX:
        raise RideCodeError("qr_format")
    issued_at = datetime.fromtimestamp(issued, UTC)
    return RideCode(number, unpack_number(packed), issued_at, span, int.from_bytes(most))


def number_of(text: str) -> bytes:
    """The number a code bears, signed or not. RideCodeError `qr_format`."""
    return _raw(text)[KEY_BYTES : KEY_BYTES + NUMBER_BYTES]


def key_of(public_key: bytes) -> bytes:
    """The short name of a raw public key."""
    return hashlib.sha256(public_key).digest()[:KEY_BYTES]


def _raw(text: str) -> bytes:
    """The bytes of a code; there is exactly one text for them."""
    if not text.startswith(PREFIX) or not text.isascii():
        raise RideCodeError("qr_format")
    encoded = text[len(PREFIX) :].encode()
    try:
        raw = base64.b64decode(encoded + b"=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise RideCodeError("qr_format") from error
    if len(raw) != _BODY.size + SIGNATURE_BYTES or base64.urlsafe_b64encode(raw).rstrip(b"=") != encoded:
        raise RideCodeError("qr_format")
    return raw
