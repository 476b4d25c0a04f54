"""What must always be true of cash drawers, for `accounts.selectors.invariants`."""

from __future__ import annotations

from typing import Final

RULES: Final = {
    "the receipts of a hall and day are numbered without a gap": """
        SELECT hall.code || ' ' || r.day, format('%%s receipts, the last is number %%s', count(*), max(r.running))
        FROM accounts_receipt r JOIN accounts_stockplace hall ON hall.id = r.hall_id
        GROUP BY hall.code, r.day HAVING count(*) <> max(r.running)""",
    "cash that a clerk with an open drawer takes or gives is in that drawer, and nothing else is": """
        WITH cash AS (
            SELECT journal_id, sum(CASE debit_id WHEN a.id THEN amount_fen ELSE -amount_fen END) AS fen
            FROM accounts_ledgeraccount a JOIN accounts_transfer t ON a.id IN (t.debit_id, t.credit_id)
            WHERE a.code = '1011' AND t.kind IN (1, 3, 4, 5, 6, 15, 18, 31, 37, 50, 59, 74, 75) GROUP BY journal_id
        )
        SELECT coalesce(told.journal_id, entry.journal_id) || '', format('%%s fen of drawer %%s, booked %%s of drawer %%s',
            coalesce(told.fen, 0), told.session_id, coalesce(entry.amount_fen, 0), entry.session_id)
        FROM (
            SELECT drawer.id AS session_id, cash.journal_id, cash.fen FROM cash JOIN accounts_journal j ON j.id = cash.journal_id
            JOIN accounts_drawersession drawer ON drawer.clerk = j.actor AND CASE j.kind
                WHEN 'drawer_difference' THEN j.source = drawer.clerk || ' #' || drawer.id
                ELSE j.posted_at BETWEEN drawer.opened_at AND coalesce(drawer.counted_at, 'infinity') END
            WHERE cash.fen <> 0
        ) AS told FULL JOIN accounts_drawerentry entry
            ON (entry.session_id, entry.journal_id) = (told.session_id, told.journal_id)
        WHERE entry.amount_fen IS DISTINCT FROM told.fen""",
    "a closed drawer held its float and what was booked to it, as it was counted": """
        SELECT drawer.clerk || ' #' || drawer.id, format('counted %%s fen, expected %%s', coalesce(count.counted_fen, 0),
            drawer.float_fen + booked.fen)
        FROM accounts_drawersession drawer
        LEFT JOIN accounts_drawercount count ON count.session_id = drawer.id AND count.state = 'approved'
        CROSS JOIN LATERAL (SELECT coalesce(sum(amount_fen), 0) AS fen FROM accounts_drawerentry
            WHERE session_id = drawer.id) AS booked
        WHERE drawer.state = 'closed' AND count.counted_fen IS DISTINCT FROM drawer.float_fen + booked.fen
            OR (drawer.state = 'closed') <> (count.id IS NOT NULL)""",
}
