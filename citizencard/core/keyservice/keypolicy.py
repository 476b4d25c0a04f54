"""The policy over keys that are in the register: their states, and cut-off days by the service's own clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import date, datetime

from citizencard.core.keyservice.audit import CITY
from citizencard.core.keyservice.keystore import KeyName, Usage
from citizencard.core.keyservice.lifecycle import Intent, KeyPolicy, KeyState, highest
from citizencard.core.keyservice.register import KeyEntry


def city_today() -> date:
    """Today in Asia/Shanghai, whose days the register's dates are."""
    return datetime.now(CITY).date()


class RegisteredKeys(KeyPolicy):
    """Permits what the register's entries permit; `replace` exchanges them for the next call on.

    It also notes, per thread, which keys it was asked for: nothing uses a key without asking, so that the audit log
    learns here which keys a call concerned.
    """

    def __init__(self, today: Callable[[], date] = city_today) -> None:
        self._today = today
        self._entries: Mapping[KeyName, KeyEntry] = {}
        self._noted = threading.local()

    def replace(self, entries: Mapping[KeyName, KeyEntry]) -> None:
        """Go by these entries from now on."""
        self._entries = entries

    def permits(self, usage: Usage, version: int, intent: Intent) -> bool:
        """Whether this version may be used so today; False for one that is not registered."""
        self.note((usage, version))
        entry = self._entries.get((usage, version))
        return entry is not None and self._permits(entry, intent)

    def current(self, usage: Usage) -> int:
        """The highest active version; `Refusal` unknown_key without any."""
        entries = self._entries.values()
        return highest(
            usage,
            (
                entry.version
                for entry in entries
                if entry.usage is usage and self._permits(entry, Intent.ISSUE)
            ),
        )

    def note(self, name: KeyName) -> None:
        """Remember for the audit log that this thread's call concerns this key."""
        if not hasattr(self._noted, "names"):
            self._noted.names = {}
        self._noted.names[name] = None

    def take_noted(self) -> list[KeyName]:
        """The keys this thread's call concerned, since they were last taken."""
        noted: dict[KeyName, None] = getattr(self._noted, "names", {})
        self._noted.names = {}
        return list(noted)

    def _permits(self, entry: KeyEntry, intent: Intent) -> bool:
        if entry.state is KeyState.RETIRING and entry.cut_off is not None and self._today() > entry.cut_off:
            return False
        return entry.state.permits(intent)
