"""How a terminal becomes known: it makes its key pair itself, and proves that it holds the private half.

The proof is an Ed25519 signature over four lines of ASCII, joined by a line feed, without one at the end:

    citizencard enrolment 1 | citizencard rotation 1
    the one-time code       | the terminal's code
    the SAM's terminal number, 12 upper-case hexadecimal digits
    the public key, 64 lower-case hexadecimal digits

So a proof holds for one code (or terminal), one SAM and one key, and cannot be used for the other purpose.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ENROLMENT: Final = "citizencard enrolment 1"
ROTATION: Final = "citizencard rotation 1"


def plain_code(code: str) -> str:
    """A one-time code as it is signed: as people may type it, hyphens, spaces and case are nothing."""
    return code.replace("-", "").replace(" ", "").upper()


def prove_possession(*, purpose: str, code: str, terminal_no: str, key: Ed25519PrivateKey) -> str:
    """The proof, in hexadecimal; `code` is the plain one-time code, or the terminal's for a rotation."""
    return key.sign(_text(purpose, code, terminal_no, key.public_key().public_bytes_raw())).hex()


def proves_possession(*, purpose: str, code: str, terminal_no: str, public_key: bytes, proof: bytes) -> bool:
    """Whether the proof was made with the private half of `public_key` (32 bytes) for exactly this."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(
            proof, _text(purpose, code, terminal_no, public_key)
        )
    except InvalidSignature:
        return False
    return True


def _text(purpose: str, code: str, terminal_no: str, public_key: bytes) -> bytes:
    return "\n".join((purpose, code, terminal_no, public_key.hex())).encode("ascii")
