"""What a centre publishes in these tests: signed documents by kind and version, the time, heartbeats."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from terminals.wire.packed import PackedCards
from tests.terminals.program.centre import Answer, FakeCentre
from tests.terminals.program.fares import PUBLISHED
from tests.terminals.program.posts import MARKS
from tests.terminals.wire.test_lists import CENTRE


class Publishes(dict[str, Callable[[Mapping[str, str]], Answer]]):
    """Answers for `FakeCentre.documents`. `clock` is the centre's own."""

    def __init__(self, clock: Callable[[], datetime], tariff: str = "bus") -> None:
        super().__init__()
        self.clock, self.ahead = clock, timedelta(0)
        self.state, self.heartbeats = "active", list[dict[str, Any]]()
        self.versions: dict[str, list[bytes]] = {"hot_list": [], "parameters": [], "tariffs": []}
        self.hot_lists: list[PackedCards] = []
        self.put("tariffs", {"documents": PUBLISHED, "tariff": tariff})
        self.put("parameters", {"marks": MARKS})
        self.list_cards({})

    def put(self, kind: str, content: Any) -> None:
        """Another version."""
        body = json.dumps(content, ensure_ascii=False).encode()
        version = len(self.versions[kind]) + 1
        document = CENTRE.document(kind, version, body, count=1, issued_at=self.clock())
        self.versions[kind].append(document.to_bytes())

    def list_cards(self, listed: dict[str, datetime]) -> None:
        """Another hot list."""
        self.hot_lists.append(PackedCards.pack(listed))
        version = len(self.hot_lists)
        document = CENTRE.hot_list(version, self.hot_lists[-1], issued_at=self.clock())
        self.versions["hot_list"].append(document.to_bytes())

    def __missing__(self, path: str) -> Callable[[Mapping[str, str]], Answer]:
        _, name, *more = path.split("/")
        if name == "documents":
            return lambda _: self._document(*more)
        if name == "time":
            return lambda _: (200, self._time(more[0]))
        raise KeyError(path)

    def beat(self, body: bytes) -> dict[str, Any]:
        """The answer to a heartbeat."""
        self.heartbeats.append(json.loads(body))
        return {"state": self.state, "hot_list_version": len(self.hot_lists), "drift_ms": 0, "clock": ""}

    def _document(self, kind: str, since: str) -> Answer:
        made = self.versions.get(kind, [])
        return (200, made[-1]) if int(since) < len(made) else (204, b"")

    def _time(self, nonce: str) -> bytes:
        now = self.clock() + self.ahead
        content = json.dumps({"nonce": nonce, "at": now.isoformat()}).encode()
        return CENTRE.document("time", 1, content, count=1, issued_at=now).to_bytes()


def publishing(clock: Callable[[], datetime], tariff: str = "bus") -> tuple[FakeCentre, Publishes]:
    """A centre with everything, and what it publishes."""
    centre, news = FakeCentre(), Publishes(clock, tariff)
    centre.documents = news
    centre.beat = news.beat
    return centre, news
