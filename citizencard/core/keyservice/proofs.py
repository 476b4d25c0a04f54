"""Salts of the leaves of proof trees: what keeps a proof from telling anything about its neighbours.

A salt is AES-256 of a leaf's id under the key of its tree, which is derived from the PROOF master and the tree's name. Who
knows some salts of a tree learns nothing about the others, and nobody works one out without this service.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from citizencard.core.keyservice.access import KeyAccess
from citizencard.core.keyservice.keystore import Usage
from citizencard.core.keyservice.lifecycle import Intent

ID_BYTES: Final = 8
SALT_BYTES: Final = 16


class ProofKeys:
    """One key per tree, for one call."""

    def __init__(self, access: KeyAccess) -> None:
        self._access = access

    def salts(self, tree: str, ids: bytes, version: int | None = None) -> bytes:
        """The version of the master that was used (1 byte), and 16 bytes for each 8-byte id.

        By default the current version; a tree is named by its kind and its date, and keeps the version it was made with.
        """
        if version is None:
            version = self._access.current(Usage.PROOF)
        else:
            self._access.require(Usage.PROOF, version, Intent.SERVE)
        key = self._access.derive(Usage.PROOF, version, b"citizencard proof salts " + tree.encode())
        blocks = np.zeros((len(ids) // ID_BYTES, SALT_BYTES), np.uint8)
        blocks[:, SALT_BYTES - ID_BYTES :] = np.frombuffer(ids, np.uint8).reshape(-1, ID_BYTES)
        # One block each, and no two alike: the cipher is used as a function of the id, not as a mode.
        cipher = Cipher(algorithms.AES256(key), modes.ECB()).encryptor()  # noqa: S305 -- see above
        return bytes([version]) + cipher.update(blocks.tobytes()) + cipher.finalize()
