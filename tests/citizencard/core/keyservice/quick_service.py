"""The key service with passphrases hashed with hardly any work, for tests with many ceremonies."""

from __future__ import annotations

import sys

from citizencard.core.keyservice import custodians
from citizencard.core.keyservice.__main__ import main

if __name__ == "__main__":
    custodians.COST = {"n": 2, "r": 1, "p": 1}  # type: ignore[misc]
    sys.exit(main())
