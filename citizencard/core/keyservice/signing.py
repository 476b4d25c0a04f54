"""Ed25519 signatures of what the system publishes; every purpose has its own key pair, derived from a version of the seed.

What terminals take on trust has a form of its own, which is checked before it is signed: who may sign a ride code cannot
sign a hot list, and who may sign a hot list cannot name the key that follows.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from citizencard.core.keyservice.access import KeyAccess
from citizencard.core.keyservice.keystore import Usage
from citizencard.core.keyservice.lifecycle import Intent
from citizencard.core.keyservice.refusal import Code, Refusal


class SignPurpose(StrEnum):
    """What a signature may stand under; a key of one purpose never signs for another.

    `KEY_CHANGE` is a document, too, and signed with their key: the one that names the next one.
    """

    DOCUMENT = "document"
    KEY_CHANGE = "key_change"
    RIDE_CODE = "ride_code"
    SETTLEMENT_FILE = "settlement_file"
    TREE_HEAD = "tree_head"
    AUDIT_HEAD = "audit_head"
    CARD_BRIDGE = "card_bridge"
    BUREAU_FILE = "bureau_file"


_DOCUMENT: Final = b"citizencard document 1\n"
_RIDE_CODE: Final = b"citizencard ride code 1\n"
_RIDE_CODE_BYTES: Final = 40
_HEADS: Final = {
    SignPurpose.TREE_HEAD: b"citizencard tree head 1\n",
    SignPurpose.AUDIT_HEAD: b"citizencard audit head 1\n",
}
_KEY_OF: Final = {SignPurpose.KEY_CHANGE: SignPurpose.DOCUMENT}
_CHANGE: Final = "next_key"


class SigningKeys:
    """Signs under a version of the seed, of which the vault gives out nothing but one purpose's key, for one call."""

    def __init__(self, access: KeyAccess) -> None:
        self._access = access

    def sign(self, purpose: SignPurpose, data: bytes, version: int | None = None) -> bytes:
        """Ed25519 signature (RFC 8032), 64 bytes, over `data` as it is; `version` of the seed, by default the current one.

        An older version serves until it is retired: terminals learn of a new key before they see its signature.
        `Refusal` bad_request for data that has not the form of its purpose.
        """
        _check_form(purpose, data)
        return self._pair(purpose, version).sign(data)

    def public_key(self, purpose: SignPurpose, version: int | None = None) -> bytes:
        """The 32 raw bytes a terminal or merchant verifies with."""
        return self._pair(purpose, version).public_key().public_bytes_raw()

    def _pair(self, purpose: SignPurpose, version: int | None) -> Ed25519PrivateKey:
        if version is None:
            version = self._access.current(Usage.SIGN)
        else:
            self._access.require(Usage.SIGN, version, Intent.SERVE)
        label = _KEY_OF.get(purpose, purpose)
        private = self._access.derive(Usage.SIGN, version, b"citizencard signature " + label.encode())
        return Ed25519PrivateKey.from_private_bytes(private)


def _check_form(purpose: SignPurpose, data: bytes) -> None:
    if purpose is SignPurpose.RIDE_CODE:
        good = data.startswith(_RIDE_CODE) and len(data) == len(_RIDE_CODE) + _RIDE_CODE_BYTES
    elif purpose in (SignPurpose.DOCUMENT, SignPurpose.KEY_CHANGE):
        good = data.startswith(_DOCUMENT) and _names_key(data) is (purpose is SignPurpose.KEY_CHANGE)
    elif purpose in _HEADS:
        good = data.startswith(_HEADS[purpose])
    else:
        good = not data.startswith((_DOCUMENT, _RIDE_CODE, *_HEADS.values()))
    if not good:
        raise Refusal(Code.BAD_REQUEST, f"this is no {purpose}")


def _names_key(data: bytes) -> bool | None:
    """Whether a document's statement is a change of key; None when it is no statement."""
    try:
        statement = json.loads(data[len(_DOCUMENT) :])
    except (ValueError, RecursionError):
        return None
    return statement.get("kind") == _CHANGE if isinstance(statement, dict) else None
