"""Enrol a terminal of the command line: make its key, have it taken, and only then put it in its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.management.base import CommandError

from citizencard.management.chips import CENTRE_KEY, terminal_key
from terminals.program.client import CentreClient


def enrol(*, code: str, key_file: Path, url: str, one_time_code: str, terminal_no: str) -> dict[str, Any]:
    """Who the terminal is, by the centre's word; its new private key is in `key_file`, whatever was there before, and the
    centre's public key beside it.

    The key is on the disk before it is sent: after a lost answer the same key is sent again. Raises CentreUnavailable,
    CentreRefused, and CommandError when the SAM is another terminal's than `code`.
    """
    fresh = key_file.with_name(f"{key_file.name}.new")
    if not fresh.exists():
        _make_key(fresh)
    client = CentreClient(url, code, terminal_key(code, fresh))
    answer = client.enrol(one_time_code=one_time_code, terminal_no=terminal_no)
    if answer["code"] != code:
        raise CommandError(f"The SAM is that of {answer['code']}, which is now enrolled with {fresh}.")
    key_file.with_name(CENTRE_KEY).write_text(answer["centre_key"])
    fresh.replace(key_file)
    return answer


def _make_key(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.touch(0o600)
    file.write_bytes(pem)
