"""The centre's signed documents as a terminal holds them: verified, applied, kept on the disk, used without a line."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from terminals.program.client import CentreClient
from terminals.program.keeping import keep
from terminals.wire.lists import Document, ListError, Trust, updated, whole
from terminals.wire.packed import EMPTY, PackedCards

SYNCED: Final = ("hot_list", "parameters", "tariffs", "passes")


@dataclass
class ListStore:
    """Documents in a folder, by kind. Whatever is wrong with an offer, what is held stays.

    `damaged` names copies that could not be trusted on opening; they count as not held, and are fetched anew.
    """

    folder: Path
    trust: Trust
    held: dict[str, Document] = field(default_factory=dict)
    hot_list: PackedCards = EMPTY
    damaged: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, folder: Path, installed_key: bytes) -> Self:
        """Verify what is kept, beginning with the centre's raw public key as installed.

        A copy is judged by the time it was issued at: it was taken when its key was good.
        """
        store = cls(folder, Trust.installed(installed_key))
        for file in sorted(folder.glob("next_key-*.signed")):
            document = Document.from_bytes(file.read_bytes())
            store.trust = store.trust.rotated(document, document.statement.issued_at)
        for kind in SYNCED:
            try:
                store._load(kind)
            except ListError:
                store.damaged.append(kind)
        return store

    def versions(self) -> dict[str, int]:
        """The version applied of each kind, to be reported; 0 where none is held."""
        held = {kind: self.held[kind].statement.version if kind in self.held else 0 for kind in SYNCED}
        return {**held, "next_key": self.trust.version}

    def offer(self, kind: str, data: bytes, now: datetime) -> None:
        """Take a newer document: verified, applied, durable when this returns. ListError, OSError: all stays as it was."""
        document = Document.from_bytes(data)
        if kind == "next_key":
            trust = self.trust.rotated(document, now)
            keep(self.folder / f"next_key-{trust.version:06}.signed", document.to_bytes())
            self.trust = trust
            return
        self.trust.verify(document, now)
        new = updated(self.held.get(kind), document, kind)
        if new is not self.held.get(kind):
            keep(self._file(kind), new.to_bytes())
            self._use(kind, new)

    def _load(self, kind: str) -> None:
        try:
            document = Document.from_bytes(self._file(kind).read_bytes())
        except FileNotFoundError:
            return
        self.trust.verify(document, document.statement.issued_at)
        whole(document, kind)
        self._use(kind, document)

    def _use(self, kind: str, document: Document) -> None:
        if kind == "hot_list":
            self.hot_list = PackedCards.from_bytes(document.content)
        self.held[kind] = document

    def _file(self, kind: str) -> Path:
        return self.folder / f"{kind}.signed"


def fetch(store: ListStore, client: CentreClient, now: datetime) -> dict[str, ListError]:
    """Ask the centre for what follows each held version; what was not taken, by kind, with the reason.

    A hot list that cannot be brought up by a difference is asked for whole. Raises CentreUnavailable, CentreRefused.
    """
    refused: dict[str, ListError] = {}
    for kind in ("next_key", *SYNCED):
        for since in dict.fromkeys((store.versions()[kind], 0)):
            data = client.document(kind, since)
            if data is None:
                break
            try:
                store.offer(kind, data, now)
            except ListError as error:
                refused[kind] = error
            else:
                refused.pop(kind, None)
                break
    return refused
