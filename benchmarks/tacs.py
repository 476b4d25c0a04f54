"""The TACs that the cards of a seeded city would have given, written into its taps all at once."""

from __future__ import annotations

from datetime import date

import numpy as np
from django.db.models import Max, Min

from accounts.models import Card
from benchmarks.databases import owner_connection
from benchmarks.field import tac_master
from citizencard.simulator.virtual import tac_keys
from terminals.card.bulk.macs import des_macs
from terminals.models import Tap
from terminals.services.acceptance.packing import pack_tac_records
from terminals.services.acceptance.recheck import stored_records

_COVERED = slice(9, 31)
"""What of a packed record its TAC covers."""


def prove_taps(day: date) -> None:
    """Give every tap of the date, which must claim a key version, its card's TAC. As the owner, past the triggers."""
    pans = list(Card.objects.order_by("pan").values_list("pan", flat=True))
    keys8, numbers = tac_keys(tac_master(), pans), np.array([pan[-16:] for pan in pans], "S19")
    bounds = Tap.objects.filter(business_date=day).aggregate(first=Min("id"), last=Max("id"))
    first, last = bounds["first"], bounds["last"]
    with owner_connection() as owner:
        owner.execute("CREATE TEMPORARY TABLE proof (id bigint, tac bytea)")
        with owner.cursor() as cursor, cursor.copy("COPY proof FROM STDIN") as copy:
            for ids, rows in stored_records(day=day, first=first, past=last + 1):
                packed = np.frombuffer(pack_tac_records(rows), np.uint8).reshape(len(rows), -1)
                keys = keys8[np.searchsorted(numbers, rows["card_no"])]
                macs = des_macs(keys, np.ascontiguousarray(packed[:, _COVERED]))
                for tap, mac in zip(ids.tolist(), macs, strict=True):
                    copy.write_row((tap, mac.tobytes()))
        owner.execute("ANALYZE proof")
        owner.execute("ALTER TABLE terminals_tap DISABLE TRIGGER append_only")
        owner.execute(
            "UPDATE terminals_tap SET tac = proof.tac FROM proof WHERE business_date = %s AND terminals_tap.id = proof.id",
            [day],
        )
        owner.execute("ALTER TABLE terminals_tap ENABLE TRIGGER append_only")
