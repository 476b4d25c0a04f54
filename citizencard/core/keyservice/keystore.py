"""Master keys of the software back end by (usage, version), and the demonstration key file they are read from."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from citizencard.core.keyservice.refusal import Code, Refusal
from terminals.card.crypto import kcv


class Usage(StrEnum):
    """One key, one purpose (PCI PIN 18-3): the usage a master is stored under is the only one it serves."""

    TAC = "TAC"
    PURCHASE = "PURCHASE"
    LOAD = "LOAD"
    MAINTENANCE = "MAINTENANCE"
    PIN_UNBLOCK = "PIN_UNBLOCK"
    PIN_RELOAD = "PIN_RELOAD"
    CONTROL = "CONTROL"
    OVERDRAFT = "OVERDRAFT"
    UNLOAD = "UNLOAD"
    TRANSPORT = "TRANSPORT"
    PII_DEK = "PII_DEK"
    PII_INDEX = "PII_INDEX"
    SIGN = "SIGN"


CHIP_USAGES: Final = frozenset(Usage) - {Usage.PII_DEK, Usage.PII_INDEX, Usage.SIGN}
"""Double-length 3DES masters (16 bytes), diversified per chip; the others are 32 bytes."""


class KeyFileError(Exception):
    """The key file cannot be used; the message names the entry, never its value."""


@dataclass(frozen=True)
class KeyStore:
    """All masters of one city. Key bytes stay out of `repr`, so that no traceback or log can show them."""

    masters: Mapping[tuple[Usage, int], bytes] = field(repr=False)
    issuer_factor8: bytes
    demo: bool

    def master(self, usage: Usage, version: int) -> bytes:
        """The key bytes; `Refusal` unknown_key when this version was never loaded."""
        try:
            return self.masters[usage, version]
        except KeyError:
            raise Refusal(Code.UNKNOWN_KEY, f"no {usage} key of version {version}") from None

    def newest(self, usage: Usage) -> int:
        """The version new data is protected with: the highest one loaded."""
        versions = [version for held, version in self.masters if held is usage]
        if not versions:
            raise Refusal(Code.UNKNOWN_KEY, f"no {usage} key is loaded")
        return max(versions)


def check_value(usage: Usage, key: bytes) -> str:
    """Key check value, 6 hex digits, by the method of the key's algorithm.

    3DES: encryption of zeros; AES: CMAC over 16 zero bytes (both PCI PIN 15-1); MAC and signature seeds: HMAC-SHA256.
    """
    if usage in CHIP_USAGES:
        return kcv(key).hex().upper()
    if usage is Usage.PII_DEK:
        mac = CMAC(AES(key))
        mac.update(bytes(16))
        return mac.finalize()[:3].hex().upper()
    return hmac.digest(key, b"key check value", hashlib.sha256)[:3].hex().upper()


def load_demo_keys(path: Path, *, environment: str) -> KeyStore:
    """Read clear demonstration keys; `KeyFileError` in production, without the demo mark, or on a wrong entry."""
    if environment == "production":
        raise KeyFileError("demonstration keys are refused when CITIZENCARD_ENV is production")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("demo") is not True:
            raise KeyFileError(f'{path} is not marked "demo": true; real keys never lie in a clear file')
        masters = dict(_entry(item) for item in content["keys"])
        if len(masters) != len(content["keys"]):
            raise KeyFileError(f"{path} holds the same usage and version twice")
        factor = bytes.fromhex(content["issuer_factor"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise KeyFileError(f"{path} cannot be read as a key file ({type(error).__name__})") from None
    if len(factor) != 8:
        raise KeyFileError("the issuer factor must be 8 bytes")
    return KeyStore(masters, factor, demo=True)


def _entry(item: Mapping[str, Any]) -> tuple[tuple[Usage, int], bytes]:
    usage, version, key = Usage(item["usage"]), int(item["version"]), bytes.fromhex(item["value"])
    if len(key) != (16 if usage in CHIP_USAGES else 32) or not 1 <= version <= 255:
        raise KeyFileError(f"{usage} version {version}: wrong length or version")
    if not hmac.compare_digest(check_value(usage, key), str(item["kcv"]).upper()):
        raise KeyFileError(f"{usage} version {version}: key check value does not match")
    return (usage, version), key
