"""HTTP message signatures (RFC 9421, Ed25519) with a Content-Digest (RFC 9530): how terminal and centre trust a request.

Covered: @method, @authority, @path, and content-digest when there is a body. `keyid` is the terminal's code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import (
    ContentDigest,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    MappingKeyResolver,
)
from http_message_signatures.algorithms import ED25519
from http_message_signatures.exceptions import HTTPMessageSignaturesException
from requests import PreparedRequest

from terminals.wire.errors import SignatureError

COVERED: Final = ("@method", "@authority", "@path")
LABEL: Final = "terminal"


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A received request as far as its signature is concerned; `url` is absolute, as the client addressed it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


def sign_request(
    request: PreparedRequest, *, terminal_code: str, key: Ed25519PrivateKey, created: datetime | None = None
) -> None:
    """Add Content-Digest (if there is a body), Signature-Input and Signature to a prepared request."""
    if isinstance(request.body, str):
        request.body = request.body.encode()
    HTTPMessageSigner(
        signature_algorithm=ED25519,
        key_resolver=MappingKeyResolver(public_keys={}, private_keys={terminal_code: key}),
    ).sign(
        request,
        key_id=terminal_code,
        created=created or datetime.now(UTC),
        label=LABEL,
        covered_component_ids=COVERED,
        body=request.body if isinstance(request.body, bytes) else None,
    )


def verify_request(
    message: SignedMessage, *, find_key: Callable[[str], bytes | None], tolerance: timedelta
) -> str:
    """The code of the terminal that signed this very request.

    `find_key` gives a terminal's raw public key (32 bytes), None when there is no such terminal. Raises SignatureError
    with code `signature_missing`, `signature_stale`, `digest_mismatch`, `terminal_unknown` or `signature_invalid`,
    and whatever `find_key` raises.
    """
    fields = {name.lower(): value for name, value in message.headers.items()}
    if "signature" not in fields or "signature-input" not in fields:
        raise SignatureError("signature_missing", "the request carries no Signature and Signature-Input")
    keys = _TerminalKeys(find_key)
    verifier = _Verifier(signature_algorithm=ED25519, key_resolver=keys)
    verifier.max_clock_skew = tolerance
    required = (*COVERED, "content-digest") if message.body else COVERED
    try:
        verified = verifier.verify(
            message, max_age=timedelta(0), require_components=required, body=message.body
        )
    except _Refused as error:
        _check_digest(fields, message.body)
        raise SignatureError(error.code, str(error)) from error
    except (HTTPMessageSignaturesException, ValueError, TypeError) as error:
        _check_digest(fields, message.body)
        if keys.trouble is not None:  # nobody could look the key up: that says nothing about the signature
            raise keys.trouble from None
        raise SignatureError("signature_invalid", str(error) or "the signature does not verify") from error
    return str(verified[0].parameters["keyid"])


def _check_digest(fields: Mapping[str, str], body: bytes) -> None:
    """Told apart from a wrong signature, because it is the line that broke, not the key.

    Asked only of a request that was refused: the body of one that holds was hashed already.
    """
    if "content-digest" not in fields:
        if body:
            raise SignatureError("digest_mismatch", "a request with a body needs a Content-Digest")
        return
    try:
        ContentDigest.verify(fields["content-digest"], body)
    except HTTPMessageSignaturesException as error:
        raise SignatureError("digest_mismatch", str(error)) from error


class _Refused(InvalidSignature):
    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        super().__init__(detail)


class _TerminalKeys(HTTPSignatureKeyResolver):
    def __init__(self, find_key: Callable[[str], bytes | None]) -> None:
        self._find_key = find_key
        self.trouble: Exception | None = None

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        try:
            raw = self._find_key(key_id)
        except Exception as error:  # the library makes an invalid signature of it
            self.trouble = error
            raise
        if raw is None:
            raise _Refused("terminal_unknown", f"no active terminal {key_id[:40]!r}")
        return Ed25519PublicKey.from_public_bytes(raw)


class _Verifier(HTTPMessageVerifier):
    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        """As the library does, but a signature of the wrong time is told apart from a wrong one."""
        try:
            super().validate_created_and_expires(sig_input, max_age=max_age)  # type: ignore[no-untyped-call]  # library
        except InvalidSignature as error:
            raise _Refused("signature_stale", str(error)) from error
