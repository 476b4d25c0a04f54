"""One function per opcode: unpack the request, ask the back end, pack the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from citizencard.core.keyservice.backend import KeyRing
from citizencard.core.keyservice.fields import Fields
from citizencard.core.keyservice.handlers_purse import PURSE_HANDLERS
from citizencard.core.keyservice.proofs import ID_BYTES
from citizencard.core.keyservice.protocol import Opcode, pack_strings, to_json, unpack_strings
from citizencard.core.keyservice.refusal import Code, Refusal
from citizencard.core.keyservice.signing import SignPurpose
from terminals.card.commands import AuthenticateMode
from terminals.card.eid import POINT_BYTES
from terminals.card.keys import KeySlot

_DATA_MAX: Final = 251
"""Data of a short APDU beside its MAC."""


def answer(ring: KeyRing, opcode: int, payload: bytes) -> bytes:
    """The answer's payload; `Refusal` for everything that is not a well-formed, permitted request."""
    try:
        handler = _HANDLERS[Opcode(opcode)]
    except ValueError:
        raise Refusal(Code.BAD_REQUEST, f"unknown operation {opcode:#04x}") from None
    return handler(ring, payload)


def _status(ring: KeyRing, payload: bytes) -> bytes:
    return to_json(ring.status())


def _write_key(ring: KeyRing, payload: bytes) -> bytes:
    fields = Fields(payload)
    return ring.backend.issuing.write_key(
        chip_serial8=fields.octets("chip_serial8", 8),
        transport_version=fields.integer("transport_version", 0, 255),
        slot=_slot(fields.text("slot", 20)),
        version=fields.integer("version", 0, 255),
        card_serial8=fields.optional_octets("card_serial8", 8),
        challenge=fields.octets("challenge", 4, 8),
    )


def _mac_command(ring: KeyRing, payload: bytes) -> bytes:
    fields = Fields(payload)
    return ring.backend.issuing.mac_command(
        chip_serial8=fields.octets("chip_serial8", 8),
        transport_version=fields.integer("transport_version", 0, 255),
        header=fields.octets("header", 4),
        data=fields.octets_between("data", 0, _DATA_MAX),
        challenge=fields.octets("challenge", 4, 8),
        encrypt=bool(fields.integer("encrypt", 0, 1)),
    )


def _maintenance_command(ring: KeyRing, payload: bytes) -> bytes:
    fields = Fields(payload)
    return ring.backend.maintenance.command(
        serial8=fields.octets("serial8", 8),
        version=fields.integer("version", 0, 255),
        header=fields.octets("header", 4),
        data=fields.octets_between("data", 0, _DATA_MAX),
        challenge=fields.octets("challenge", 0, 4, 8),
        encrypt=bool(fields.integer("encrypt", 0, 1)),
    )


def _seal(ring: KeyRing, payload: bytes) -> bytes:
    return pack_strings(ring.backend.privacy.seal(_pairs(payload)))


def _open(ring: KeyRing, payload: bytes) -> bytes:
    return pack_strings(ring.backend.privacy.open(_pairs(payload)))


def _blind_index(ring: KeyRing, payload: bytes) -> bytes:
    head, *values = unpack_strings(payload) or [b""]
    fields = Fields(head)
    version = fields.integer("key_version", 1, 255)
    return b"".join(ring.backend.privacy.blind_index(fields.text("column", 100), values, version))


def _proof_salts(ring: KeyRing, payload: bytes) -> bytes:
    head, ids, *rest = [*unpack_strings(payload), b"", b""]
    fields = Fields(head)
    if len(ids) % ID_BYTES or any(rest):
        raise Refusal(Code.BAD_REQUEST, "expected a heading and ids of 8 bytes")
    version = fields.integer("key_version", 0, 255)
    return ring.backend.proofs.salts(fields.text("tree", 40), ids, version or None)


def _sign(ring: KeyRing, payload: bytes) -> bytes:
    purpose, data, version = signing_request(payload)
    return ring.backend.signing.sign(purpose, data, version)


def _public_key(ring: KeyRing, payload: bytes) -> bytes:
    purpose, _, version = signing_request(payload)
    return ring.backend.signing.public_key(purpose, version)


def _issue_certificate(ring: KeyRing, payload: bytes) -> bytes:
    fields = Fields(payload)
    return ring.backend.identity.issue(
        fields.octets("card_serial8", 8),
        fields.octets("public_key", POINT_BYTES),
        fields.day("valid_from"),
        fields.day("valid_to"),
    )


def _card_ca_certificates(ring: KeyRing, payload: bytes) -> bytes:
    return pack_strings(ring.backend.identity.ca_certificates())


def _key_check_values(ring: KeyRing, payload: bytes) -> bytes:
    fields = Fields(payload)
    values = ring.backend.issuing.key_check_values(
        chip_serial8=fields.octets("chip_serial8", 8),
        card_serial8=fields.optional_octets("card_serial8", 8),
        version=fields.integer("version", 0, 255),
        slots=[_slot(name) for name in fields.text("slots", 200).split(",")],
    )
    return to_json({slot.name: value for slot, value in values.items()})


def _verify_internal_authenticate(ring: KeyRing, payload: bytes) -> bytes:
    fields = Fields(payload)
    right = ring.backend.identity.verify_internal_authenticate(
        serial8=fields.octets("serial8", 8),
        key_version=fields.integer("key_version", 0, 255),
        mode=AuthenticateMode(fields.integer("mode", min(AuthenticateMode), max(AuthenticateMode))),
        challenge8=fields.octets("challenge8", 8),
        answer8=fields.octets("answer8", 8),
    )
    return bytes([right])


def _slot(name: str) -> KeySlot:
    try:
        return KeySlot[name]
    except KeyError:
        raise Refusal(Code.BAD_REQUEST, "unknown key slot") from None


def _pairs(payload: bytes) -> list[tuple[bytes, bytes]]:
    strings = unpack_strings(payload)
    if len(strings) % 2:
        raise Refusal(Code.BAD_REQUEST, "values come in pairs with their place")
    return list(zip(strings[::2], strings[1::2], strict=True))


def signing_request(payload: bytes) -> tuple[SignPurpose, bytes, int | None]:
    """What a signature is for, what is to be signed, and by which version of the seed if it is named (one byte)."""
    purpose, data, version = [*unpack_strings(payload), b"", b"", b""][:3]
    if len(version) > 1 or len(unpack_strings(payload)) not in (2, 3):
        raise Refusal(Code.BAD_REQUEST, "expected a purpose, data and perhaps a version of one byte")
    try:
        return SignPurpose(purpose.decode("ascii", "replace")), data, version[0] if version else None
    except ValueError:
        raise Refusal(Code.BAD_REQUEST, "unknown purpose of signature") from None


_HANDLERS: Final[dict[Opcode, Callable[[KeyRing, bytes], bytes]]] = {
    Opcode.STATUS: _status,
    **PURSE_HANDLERS,
    Opcode.WRITE_KEY: _write_key,
    Opcode.MAC_COMMAND: _mac_command,
    Opcode.MAINTENANCE_COMMAND: _maintenance_command,
    Opcode.SEAL: _seal,
    Opcode.OPEN: _open,
    Opcode.BLIND_INDEX: _blind_index,
    Opcode.PROOF_SALTS: _proof_salts,
    Opcode.SIGN: _sign,
    Opcode.PUBLIC_KEY: _public_key,
    Opcode.ISSUE_CERTIFICATE: _issue_certificate,
    Opcode.CARD_CA_CERTIFICATES: _card_ca_certificates,
    Opcode.KEY_CHECK_VALUES: _key_check_values,
    Opcode.VERIFY_INTERNAL_AUTHENTICATE: _verify_internal_authenticate,
}
