"""Why the key service says no: a stable code and one sentence, never key material or personal data."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Stable error codes on the wire; clients decide by them, people read the sentence beside them."""

    BAD_REQUEST = "bad_request"
    TOO_LARGE = "too_large"
    UNKNOWN_KEY = "unknown_key"
    KEY_NOT_PERMITTED = "key_not_permitted"
    MAC_INVALID = "mac_invalid"
    ENVELOPE_INVALID = "envelope_invalid"
    KEY_BLOCK_INVALID = "key_block_invalid"
    NOT_PERMITTED = "not_permitted"
    QUOTA_EXCEEDED = "quota_exceeded"
    CUSTODIAN_INVALID = "custodian_invalid"
    CEREMONY_INVALID = "ceremony_invalid"
    REGISTER_INVALID = "register_invalid"
    UNSUPPORTED = "unsupported"
    VAULT_UNAVAILABLE = "vault_unavailable"
    SEALED = "sealed"
    BUSY = "busy"
    INTERNAL = "internal"


class Refusal(Exception):
    """Raised inside the service and answered to the caller as it is."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
