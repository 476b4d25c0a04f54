"""Pairing: a code shown in the office is exchanged, once, for each other's public keys."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from terminals.bridge.errors import PairingRefused
from terminals.bridge.identity import Identity, require_tls

PATH: Final = "/api/v1/bridge/pairings"
TIMEOUT_S: Final = 15
ANSWER_BYTES_MAX: Final = 16 * 1024


def pair(server: str, code: str) -> Identity:
    """Make a key pair and hand its public half to the server (`https://host[:port]`) under the code.

    Raises InsecureServer, PairingRefused (wrong, used or expired code; nobody answers).
    """
    require_tls(server)
    key = Ed25519PrivateKey.generate()
    answer = _post(server, {"code": code, "public_key": key.public_key().public_bytes_raw().hex()})
    try:
        identity = Identity(
            server=server,
            private_key=key.private_bytes_raw().hex(),
            **{name: str(answer[name]) for name in ("hub", "origin", "workstation", "server_key")},
        )
        identity.hub_key()
    except (KeyError, ValueError) as error:
        raise PairingRefused(f"{server} does not answer like a citizencard server") from error
    require_tls(identity.hub)
    return identity


def _post(server: str, content: dict[str, str]) -> dict[str, Any]:
    """Ask without the environment's proxies: the answer decides whom this PC trusts."""
    parts = urlsplit(server)
    connection = (
        http.client.HTTPSConnection(parts.netloc, timeout=TIMEOUT_S, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_S)
    )
    try:
        connection.request("POST", PATH, json.dumps(content), {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read(ANSWER_BYTES_MAX))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise PairingRefused(f"{server} does not answer: {error}") from error
    finally:
        connection.close()
    if not isinstance(answer, dict) or response.status != http.client.CREATED:
        detail = answer.get("detail") if isinstance(answer, dict) else None
        raise PairingRefused(str(detail or f"{server} answers {response.status}"))
    return answer
