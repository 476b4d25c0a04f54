"""What the sandbox remembers: API objects, answers by idempotency key, call-backs still to be sent. SQLite, in a file or not.

It plays somebody else's database, which outlives a crash of ours and, given a file, one of its own.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import RLock
from typing import Any, Final

from accounts.gateway.stripe_compatible import API_VERSION

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS object (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, kind TEXT NOT NULL, created INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answer (
    key TEXT PRIMARY KEY, asked TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS job (
    seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, payload TEXT NOT NULL, due REAL NOT NULL, attempts INTEGER NOT NULL);
"""

Object = dict[str, Any]


class Refused(Exception):
    """An API error: HTTP status, error type and code, sentence, further fields. What was written before it stays."""

    def __init__(self, status: int, kind: str, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"type": kind, "message": message} | ({"code": code} if code else {}) | more


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done later: a call-back to send, or a refund to settle."""

    seq: int
    kind: str
    payload: str
    attempts: int


class Store:
    """One connection, used by one thread at a time: everything happens within `transaction`."""

    def __init__(self, path: str = ":memory:") -> None:
        self._lock = RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.executescript(_TABLES)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; a refusal to the caller is a result like another and is kept."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except Refused:
                self._db.execute("COMMIT")
                raise
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def put(self, thing: Object) -> Object:
        """Keep a new object or a new state of one."""
        self._db.execute(
            "INSERT INTO object (id, kind, created, body) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            [thing["id"], thing["object"], thing.get("created", 0), json.dumps(thing)],
        )
        return thing

    def get(self, kind: str, id_: str) -> Object:
        """Raises Refused (404) for an unknown id."""
        row = self._db.execute("SELECT body FROM object WHERE id = ? AND kind = ?", [id_, kind]).fetchone()
        if row is None:
            raise Refused(404, "invalid_request_error", "resource_missing", f"No such {kind}: {id_}")
        return dict(json.loads(row[0]))

    def find(self, id_: str) -> Object | None:
        """Any object by its id."""
        row = self._db.execute("SELECT body FROM object WHERE id = ?", [id_]).fetchone()
        return dict(json.loads(row[0])) if row else None

    def page(self, kind: str, asked: Mapping[str, Any], *, by: str) -> tuple[list[Object], bool]:
        """Newest first, and whether there are more: `limit`, `starting_after`, `created` and the filter `by`."""
        created = asked.get("created", {})
        limit = min(integer(asked, "limit", 10), 100)
        where = {
            "kind = ?": kind,
            "created >= ?": created.get("gte"),
            "created < ?": created.get("lt"),
            f"json_extract(body, '$.{by}') = ?": asked.get(by),
            "seq < (SELECT seq FROM object WHERE id = ?)": asked.get("starting_after"),
        }
        used = {clause: value for clause, value in where.items() if value is not None}
        rows = self._db.execute(
            f"SELECT body FROM object WHERE {' AND '.join(used)} ORDER BY seq DESC LIMIT ?",  # noqa: S608 -- constants
            [*used.values(), limit + 1],
        ).fetchall()
        return [json.loads(body) for (body,) in rows[:limit]], len(rows) > limit

    def answer(self, key: str) -> tuple[str, int, str] | None:
        """What was asked and answered under an idempotency key: request, status, body."""
        row = self._db.execute("SELECT asked, status, body FROM answer WHERE key = ?", [key]).fetchone()
        return tuple(row) if row else None

    def keep_answer(self, key: str, asked: str, status: int, body: str) -> None:
        """For the next time the key is used."""
        self._db.execute("INSERT INTO answer VALUES (?, ?, ?, ?)", [key, asked, status, body])

    def emit(self, kind: str, thing: Object) -> None:
        """An event about an object as it is now, to be sent as soon as possible."""
        event = self.put(event_about(kind, thing))
        self.later("call_back", json.dumps(event, ensure_ascii=False), after_s=0)

    def later(self, kind: str, payload: str, *, after_s: float, attempts: int = 0) -> None:
        """Something to be done in a while."""
        self._db.execute(
            "INSERT INTO job (kind, payload, due, attempts) VALUES (?, ?, ?, ?)",
            [kind, payload, time.time() + after_s, attempts],
        )

    def due(self) -> Job | None:
        """The next thing to be done now."""
        row = self._db.execute(
            "SELECT seq, kind, payload, attempts FROM job WHERE due <= ? ORDER BY seq LIMIT 1", [time.time()]
        ).fetchone()
        return Job(*row) if row else None

    def done(self, job: Job) -> None:
        """It need not be done any more."""
        self._db.execute("DELETE FROM job WHERE seq = ?", [job.seq])


def new(kind: str, prefix: str) -> Object:
    """The fields nearly every object begins with."""
    return {"id": new_id(prefix), "object": kind, "created": int(time.time())}


def event_about(kind: str, thing: Object) -> Object:
    """A new event about an object as it is now."""
    return new("event", "evt") | {
        "livemode": False,
        "api_version": API_VERSION,
        "data": {"object": thing},
        "pending_webhooks": 1,
        "request": None,
        "type": kind,
    }


def integer(asked: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """A count or an amount among the parameters. Raises Refused (400) when it is none."""
    value = asked.get(name, default)
    if isinstance(value, int):
        return value
    if not isinstance(value, str) or not value.isdecimal():
        words = f"Invalid integer: {name}"
        raise Refused(400, "invalid_request_error", "parameter_invalid_integer", words, param=name)
    return int(value)


def new_id(prefix: str) -> str:
    """An id as the API forms them."""
    return f"{prefix}_{secrets.token_hex(12)}"
