"""Errors of the embedded services: one sentence each, saying what to do.

They are plain exceptions rather than :class:`CitizenCardError`: they are raised before Django's settings exist
(the database must run before settings can name it), so nothing may be translated yet.
"""

from __future__ import annotations


class EmbeddedError(RuntimeError):
    """An embedded service cannot run; the message is one sentence for the person at the console."""


class EmbeddedPostgresError(EmbeddedError):
    """The embedded PostgreSQL cannot be started."""


class PcscUnavailable(EmbeddedError):
    """There are no virtual readers here; ``reason`` says why. The in-process card is the way out."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PortInUse(EmbeddedError):
    """Another program listens on the web port."""


class AlreadyRunning(EmbeddedError):
    """Another process of this project uses the same state directory."""


class ServiceFailed(EmbeddedError):
    """A service of the stack did not become ready, or keeps dying."""
