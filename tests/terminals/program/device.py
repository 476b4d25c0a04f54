"""A registered terminal with its device."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Self

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone

from citizencard.core.keyservice.keystore import KeyStore
from terminals.program.client import CentreClient
from terminals.program.memory import Memory
from terminals.program.news import News
from terminals.program.post import Post
from terminals.program.terminal import Terminal
from terminals.readers.memory import MemoryTransport
from terminals.services.field import publish_tariff, register_terminal
from terminals.services.publishing import present_key
from tests.terminals.chips import sam_for
from tests.terminals.field import HOST, InProcess, make_merchant

_numbers = itertools.count(1)


@dataclass
class Device:
    """The terminal program with what it stands on; `restart` is a power cut."""

    folder: Path
    sam: MemoryTransport
    client: CentreClient
    line: InProcess
    settings: dict[str, Any]
    terminal: Terminal
    news: News

    @classmethod
    def install(cls, keys: KeyStore, shelf: Path, kind: str, rule: dict[str, Any], **settings: Any) -> Self:
        """Register a terminal, give it a SAM, and let it fetch the centre's documents."""
        number, key, line = next(_numbers), Ed25519PrivateKey.generate(), InProcess()
        code, terminal_no = f"dev-{number}", f"3970{number:08d}"
        publish_tariff(
            code=code, name=code, kind=kind, rule=rule, valid_from=date(2026, 1, 1), legal_basis="test"
        )
        register_terminal(
            code=code,
            merchant=make_merchant(),
            place="东湖",
            tariff_code=code,
            terminal_no=terminal_no,
            public_key=key.public_key().public_bytes_raw(),
        )
        session = requests.Session()
        session.mount("http://", line)
        client = CentreClient(HOST, code, key, session)
        settings = _post(settings)
        sam, folder = sam_for(keys, terminal_no), shelf / code
        terminal = cls._start(folder, sam, client, settings)
        news = News.open(folder, bytes(present_key(timezone.now()).public_key))
        device = cls(folder, sam, client, line, settings, terminal, news)
        device.fetch()
        return device

    def fetch(self) -> None:
        """What the centre publishes now."""
        self.terminal.orders = self.news.fetch(self.client, timezone.now())

    def restart(self) -> None:
        """Power off without a word, and on again; tariff and hot list stay."""
        self.terminal.memory.close()
        self.terminal = self._start(self.folder, self.sam, self.client, self.settings)
        self.terminal.orders = self.news.held()

    @staticmethod
    def _start(
        folder: Path, sam: MemoryTransport, client: CentreClient, settings: dict[str, Any]
    ) -> Terminal:
        sam.reset()
        return Terminal(sam=sam, memory=Memory.open(folder), client=client, **settings)


def _post(settings: dict[str, Any]) -> dict[str, Any]:
    """What a test says of the terminal's place, as the place; the rest as it is."""
    fields = Post.__dataclass_fields__.keys()
    place = {name: value for name, value in settings.items() if name in fields}
    return {"post": Post(**place), **{name: value for name, value in settings.items() if name not in fields}}
