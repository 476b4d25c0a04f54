"""The hot list in versions: what changed since the last one is published together, and any two versions can be compared."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final

from django.db import connection, transaction
from django.utils import timezone

from citizencard.core.errors import KeyServiceUnavailable
from terminals.models import HotListVersion
from terminals.selectors.hotlist import packed_list, standing
from terminals.services.publishing.keys import present_key, signer
from terminals.wire.lists import sha256

logger = logging.getLogger(__name__)

_LIST_LOCK: Final = 0x486F_744C
"""Advisory lock ("HotL"): versions follow one another."""
# A version is never lower than the one before, nor than what counted as version before versions were kept.
_NUMBER: Final = """
SELECT greatest(
    coalesce((SELECT max(version) FROM terminals_hotlistversion), 0) + 1,
    (SELECT max(version) + count(removed_at) FROM terminals_hotlistentry))
"""
_NAME: Final = (
    "INSERT INTO terminals_hotlistversion (version, published_at, count, digest) VALUES (%s, %s, %s, %s)"
)
_PUBLISH: Final = """
UPDATE terminals_hotlistchange SET version = %s WHERE version IS NULL
    AND id = ANY(%s)
"""


def publish_hot_list(*, now: datetime | None = None) -> HotListVersion | None:
    """Publish what has changed, as one version; None when nothing has. Safe to be called by anyone at any time.

    It is published when its signed form exists: from then on terminals can have it. Raises KeyServiceUnavailable; then
    the changes wait for the next call.
    """
    return _publish(now or timezone.now()) if standing().pending else None


def publish_soon() -> None:
    """After the commit of a change; what goes wrong then is the next call's, the change itself stands."""
    transaction.on_commit(_publish_quietly, robust=True)


@transaction.atomic
def _publish(now: datetime) -> HotListVersion | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LIST_LOCK])
        cursor.execute("SELECT id FROM terminals_hotlistchange WHERE version IS NULL")
        changes = [row[0] for row in cursor.fetchall()]
        if not changes:
            return None
        cursor.execute(_NUMBER)
        version = cursor.fetchone()[0]
        cards = packed_list(None, also=changes)
        content = cards.to_bytes()
        # Signed before it counts as published: without the key service nothing is, and it is the centre that is late.
        signer(present_key(now)).hot_list(version, cards, issued_at=now)
        cursor.execute(_NAME, [version, now, len(cards), bytes.fromhex(sha256(content))])
        cursor.execute(_PUBLISH, [version, changes])
    return HotListVersion.objects.get(pk=version)


def _publish_quietly() -> None:
    try:
        publish_hot_list()
    except KeyServiceUnavailable as error:
        logger.warning("the hot list is not published yet: %s", error)
