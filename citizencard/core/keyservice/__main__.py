"""`python -m citizencard.core.keyservice --socket PATH [--demo-keys FILE]`: run the key service in the foreground."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from citizencard.core.keyservice.backend import Backend, KeyRing
from citizencard.core.keyservice.hardening import harden_process
from citizencard.core.keyservice.keystore import KeyFileError, load_demo_keys
from citizencard.core.keyservice.lifecycle import AllActive
from citizencard.core.keyservice.server import KeyServer, SocketPathError
from citizencard.core.keyservice.vault_software import SoftwareVault

logger = logging.getLogger("citizencard.core.keyservice")


def main() -> int:
    """Serve until SIGTERM or SIGINT; 2 when the keys or the socket cannot be used."""
    parser = argparse.ArgumentParser(prog="keyservice", description=__doc__)
    parser.add_argument(
        "--socket", type=Path, required=True, help="unix socket to listen on (created with mode 0600)"
    )
    parser.add_argument(
        "--demo-keys", type=Path, help="clear demonstration keys; without them the service is sealed"
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    harden_process()
    try:
        server = KeyServer(options.socket, _key_ring(options.demo_keys))
    except (KeyFileError, SocketPathError) as error:
        print(f"key service: {error}", file=sys.stderr)
        return 2
    _serve(server, options.socket)
    return 0


def _key_ring(demo_keys: Path | None) -> KeyRing:
    if demo_keys is None:
        return KeyRing()
    environment = os.environ.get("CITIZENCARD_ENV", "")
    store = load_demo_keys(demo_keys, environment=environment)
    vault, policy = SoftwareVault(store.keys), AllActive(store.masters)
    return KeyRing(Backend(vault, store.issuer_factor8, policy, demo=True))


def _serve(server: KeyServer, path: Path) -> None:
    def stop(signum: int, frame: FrameType | None) -> None:
        # shutdown() waits for the serving loop, which this very thread runs: ask from another one.
        threading.Thread(target=server.shutdown, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    logger.info("%s on %s", server.ring.status()["state"], path)
    try:
        server.serve_forever(poll_interval=0.1)
    finally:
        server.server_close()
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
