"""One-time codes that people read out and type: short, unmistakable, and kept only as a keyed digest."""

from __future__ import annotations

import secrets
from typing import Final

from django.utils.crypto import salted_hmac

CODE_LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without 0, 1, I and O, which people take for one another: 5 bits a letter."""
CODE_LENGTH: Final = 8


def new_code() -> str:
    """A code as it is shown, `XXXX-XXXX`: 40 bits."""
    code = "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))
    return f"{code[:4]}-{code[4:]}"


def code_digest(code: str, *, purpose: str) -> str:
    """Keyed, since a short code could be found from a plain digest; as people type it: hyphen and case are nothing."""
    plain = code.replace("-", "").replace(" ", "").upper()
    return salted_hmac(purpose, plain, algorithm="sha256").hexdigest()
