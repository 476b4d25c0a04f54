"""Who this PC is to its server: kept in one file that only its owner may read."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from terminals.bridge.errors import InsecureServer, NotPaired

LOOPBACK: Final = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Identity:
    """One pairing. Keys are raw Ed25519 keys in hex (RFC 8032): this PC's private one, the server's public one."""

    server: str
    hub: str
    origin: str
    workstation: str
    server_key: str
    private_key: str = field(repr=False)

    def signing_key(self) -> Ed25519PrivateKey:
        """The PC's own key."""
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(self.private_key))

    def hub_key(self) -> Ed25519PublicKey:
        """The server's key."""
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.server_key))

    def save(self, file: Path) -> None:
        """Write the file anew (0600); another pairing that stood there is forgotten."""
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = file.with_suffix(".new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as target:
            json.dump(asdict(self), target, indent=2)
            target.flush()
            os.fsync(target.fileno())
        draft.replace(file)

    @classmethod
    def load(cls, file: Path) -> Identity:
        """The pairing kept in a file. NotPaired when there is none, or others may read it."""
        try:
            # Windows has no such bits: the user's profile is private there.
            if sys.platform != "win32" and file.stat().st_mode & 0o077:
                raise NotPaired(f"{file} can be read by others: pair this PC again")
            identity = cls(**json.loads(file.read_text("utf-8")))
            identity.signing_key(), identity.hub_key()
        except FileNotFoundError as error:
            raise NotPaired("this PC is not paired: ask for a code in the office") from error
        except (OSError, ValueError, TypeError) as error:
            raise NotPaired(f"{file} cannot be used: pair this PC again") from error
        return identity


def identity_file() -> Path:
    """Where the pairing is kept: in the user's own configuration folder."""
    if sys.platform == "win32":
        base = Path(os.environ["APPDATA"])
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "citizencard" / "bridge.json"


def require_tls(url: str) -> None:
    """Refuse an address whose traffic others could read or change; this very machine needs no TLS."""
    parts = urlsplit(url)
    local = parts.scheme in ("http", "ws") and parts.hostname in LOOPBACK
    if not parts.hostname or not (local or parts.scheme in ("https", "wss")):
        raise InsecureServer(f"{url} is not an https or wss address")
