"""The signature as every terminal writes it, checked without the general machinery, which takes four times as long.

What has exactly the form of docs/terminal-api.md is read here; everything else is for :mod:`.signature`, which also says
what is wrong with it. Nothing counts here that would not count there.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from terminals.wire.signature import SignedMessage

_METHOD: Final = re.compile(r"[A-Z]{1,10}")
# Lower case and no port that goes without saying, so that the authority is what stands there.
_URL: Final = re.compile(
    r"https?://([a-z0-9][a-z0-9.-]{0,200}(?::(?!(?:80|443)/)[1-9][0-9]{0,4})?)((?:/[A-Za-z0-9_-]+)+)"
)
_INPUT: Final = re.compile(
    r'terminal=(\("@method" "@authority" "@path"(?P<body> "content-digest")?\)'
    r';created=(?P<created>[1-9][0-9]{0,11});keyid="(?P<keyid>[A-Za-z0-9_-]{1,40})";alg="ed25519")'
)
_SIGNATURE: Final = re.compile(r"terminal=:([A-Za-z0-9+/]{86}==):")


@dataclass(frozen=True, slots=True)
class PlainSignature:
    """A signature in its usual form, at the right time and with the right digest, that has still to be verified."""

    keyid: str
    base: bytes
    signature: bytes

    def is_by(self, public_key: bytes) -> bool:
        """Whether this raw Ed25519 key signed the request."""
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(self.signature, self.base)
        except InvalidSignature:
            return False
        return True


def read_plain(message: SignedMessage, tolerance: timedelta) -> PlainSignature | None:
    """The signature of a message, names of headers in their usual case; None for whatever needs a closer look."""
    fields = message.headers
    url, how = _URL.fullmatch(message.url), _INPUT.fullmatch(fields.get("Signature-Input", ""))
    signed = _SIGNATURE.fullmatch(fields.get("Signature", ""))
    if url is None or how is None or signed is None or not _METHOD.fullmatch(message.method):
        return None
    if abs(time.time() - int(how["created"])) >= tolerance.total_seconds():
        return None
    lines = [f'"@method": {message.method}', f'"@authority": {url[1]}', f'"@path": {url[2]}']
    digest = fields.get("Content-Digest", "")
    if how["body"]:
        if digest != f"sha-256=:{base64.b64encode(hashlib.sha256(message.body).digest()).decode()}:":
            return None
        lines.append(f'"content-digest": {digest}')
    elif message.body or digest:
        return None
    signature = base64.b64decode(signed[1])
    if base64.b64encode(signature).decode() != signed[1]:  # bits left over
        return None
    lines.append(f'"@signature-params": {how[1]}')
    return PlainSignature(how["keyid"], "\n".join(lines).encode(), signature)
