"""Token buckets: how much each user and role has left of each group of operations."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from citizencard.core.keyservice.refusal import Code, Refusal
from citizencard.core.keyservice.roles import Group, Quota, Role

BucketName = tuple[int, Role, Group]


class Buckets:
    """Shared by all connections: opening another one gives nobody more."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._levels: dict[BucketName, tuple[float, float]] = {}

    def take(self, name: BucketName, quota: Quota, count: int) -> None:
        """Take `count` tokens, or none and `Refusal` quota_exceeded."""
        with self._guard:
            now = self._clock()
            level, since = self._levels.get(name, (quota.burst, now))
            level = min(quota.burst, level + (now - since) * quota.per_second)
            enough = count <= level
            self._levels[name] = (level - count if enough else level, now)
        if not enough:
            _, role, group = name
            raise Refusal(Code.QUOTA_EXCEEDED, f"the role {role} has used up its quota of {group} for now")
