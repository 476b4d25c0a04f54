"""`python -m citizencard.core.keyservice --socket PATH [--state DIR] [...]`: run the key service in the foreground.

Without demonstration keys it starts sealed; custodians open it with `python -m citizencard.core.keyservice.console`.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from citizencard.core.keyservice.audit import AuditBroken, AuditLog
from citizencard.core.keyservice.backend import Backend, KeyRing
from citizencard.core.keyservice.ceremonies import Ceremonies
from citizencard.core.keyservice.custody import Custody, StateDirError, private_folder
from citizencard.core.keyservice.demonstration import open_demonstration
from citizencard.core.keyservice.gate import Gate
from citizencard.core.keyservice.hardening import harden_process
from citizencard.core.keyservice.keystore import KeyFileError, KeyStore, load_demo_keys
from citizencard.core.keyservice.lifecycle import AllActive
from citizencard.core.keyservice.places import MemoryPlace, Place, TokenPlace
from citizencard.core.keyservice.refusal import Refusal
from citizencard.core.keyservice.roles import Roles, RolesError, load_roles, own_user_only
from citizencard.core.keyservice.server import KeyServer, SocketPathError
from citizencard.core.keyservice.vault_software import SoftwareVault

logger = logging.getLogger("citizencard.core.keyservice")


def main() -> int:
    """Serve until SIGTERM or SIGINT; 2 when the keys, the state directory or the socket cannot be used."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    harden_process()
    try:
        roles = load_roles(options.roles) if options.roles else own_user_only()
        server = KeyServer(options.socket, _gate(options, roles), shared=roles.shared)
    except (KeyFileError, StateDirError, RolesError, SocketPathError, AuditBroken, Refusal) as error:
        print(f"key service: {error}", file=sys.stderr)
        return 2
    _serve(server, options.socket)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="keyservice", description=__doc__)
    parser.add_argument(
        "--socket", type=Path, required=True, help="unix socket to listen on (created with mode 0600)"
    )
    parser.add_argument(
        "--state", type=Path, help="directory (mode 0700) of the key register and the audit log"
    )
    parser.add_argument("--roles", type=Path, help="JSON file of the users of each role, and quotas")
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument(
        "--demo-keys", type=Path, help="clear demonstration keys; they open the service at once"
    )
    keys.add_argument(
        "--pkcs11", type=Path, metavar="MODULE", help="PKCS#11 library whose token holds the keys"
    )
    parser.add_argument("--token", metavar="LABEL", help="label of the token")
    options = parser.parse_args()
    if (options.pkcs11 is None) != (options.token is None):
        parser.error("--pkcs11 and --token go together")
    if options.pkcs11 is not None and options.state is None:
        parser.error("--pkcs11 needs --state: the register says what may be done with the token's keys")
    return options


def _gate(options: argparse.Namespace, roles: Roles) -> Gate:
    store = _demo_keys(options.demo_keys)
    if options.state is None:
        return Gate(_ring_without_register(store), roles)
    folder = private_folder(options.state)
    ring = KeyRing()
    custody = Custody(folder, ring, _place(options, store), demo=store is not None)
    if store is not None:
        open_demonstration(custody, store)
    return Gate(ring, roles, ceremonies=Ceremonies(custody), audit=AuditLog(folder))


def _demo_keys(path: Path | None) -> KeyStore | None:
    if path is None:
        return None
    return load_demo_keys(path, environment=os.environ.get("CITIZENCARD_ENV", ""))


def _ring_without_register(store: KeyStore | None) -> KeyRing:
    if store is None:
        return KeyRing()
    vault, policy = SoftwareVault(store.keys), AllActive(store.masters)
    return KeyRing(Backend(vault, store.issuer_factor8, policy, demo=True))


def _place(options: argparse.Namespace, store: KeyStore | None) -> Place:
    if options.pkcs11 is not None:
        return TokenPlace(options.pkcs11, options.token)
    return MemoryPlace(None if store is None else store.keys)


def _serve(server: KeyServer, path: Path) -> None:
    def stop(signum: int, frame: FrameType | None) -> None:
        # shutdown() waits for the serving loop, which this very thread runs: ask from another one.
        threading.Thread(target=server.shutdown, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    logger.info("%s on %s", server.gate.ring.status()["state"], path)
    try:
        server.serve_forever(poll_interval=0.1)
    finally:
        server.server_close()
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
