"""What must always be true of the stock, for `accounts.selectors.invariants`."""

from __future__ import annotations

from typing import Final

RULES: Final = {
    "a level of stock is what its movements add up to and what lies there": """
        SELECT place.code || ' ' || product_id, format('level %%s, movements %%s, cards %%s',
            level.count, coalesce(moved.count, 0), coalesce(lying.count, 0))
        FROM accounts_stocklevel AS level
        FULL JOIN (
            SELECT place_id, card.product_id, count(*) AS count FROM accounts_stockitem item
            JOIN accounts_card card ON card.id = item.card_id WHERE item.state = 'held' GROUP BY 1, 2
        ) AS lying USING (place_id, product_id)
        FULL JOIN (
            SELECT CASE kind WHEN 'sent' THEN source_id ELSE target_id END AS place_id, product_id,
                sum(CASE WHEN kind IN ('produced', 'arrived', 'found') THEN 1
                    WHEN kind = 'lost' AND before = 'sent' THEN 0 ELSE -1 END) AS count
            FROM (
                SELECT m.kind, m.source_id, m.target_id, card.product_id,
                    lag(m.kind) OVER (PARTITION BY line.item_id ORDER BY line.id) AS before
                FROM accounts_stockline line JOIN accounts_stockmovement m ON m.id = line.movement_id
                JOIN accounts_stockitem item ON item.id = line.item_id JOIN accounts_card card ON card.id = item.card_id
            ) AS step GROUP BY 1, 2
        ) AS moved USING (place_id, product_id)
        JOIN accounts_stockplace place ON place.id = place_id
        WHERE (level.count, level.count) IS DISTINCT FROM (coalesce(moved.count, 0), coalesce(lying.count, 0))""",
    "a card that was produced and is neither issued, scrapped nor lost is somewhere": """
        SELECT product_id, format('produced %%s, issued %%s, scrapped %%s, lost %%s, lying or on the way %%s',
            level.produced, level.issued, level.scrapped, level.lost, there.count)
        FROM (SELECT product_id, sum(produced) AS produced, sum(issued) AS issued, sum(scrapped) AS scrapped, sum(lost) AS lost
              FROM accounts_stocklevel GROUP BY 1) AS level
        LEFT JOIN LATERAL (SELECT count(*) AS count FROM accounts_stockitem item JOIN accounts_card card ON card.id = item.card_id
            WHERE card.product_id = level.product_id AND item.state IN ('held', 'travelling')) AS there ON true
        WHERE produced - issued - scrapped - lost <> there.count""",
    "a card that somebody holds is out of stock": """
        SELECT card.pan, 'card ' || card.state || ', stock ' || item.state
        FROM accounts_stockitem item JOIN accounts_card card ON card.id = item.card_id
        WHERE item.state IN ('held', 'travelling') AND card.state IN ('issued', 'active', 'refunding')""",
    "an application's card was sold for what was taken, and not before it was written": """
        SELECT application.id::text, format('%%s: %%s and %%s fen taken, card sold for %%s and %%s', application.state,
            application.price_fen, application.deposit_fen, card.price_fen, card.deposit_fen)
        FROM accounts_issueapplication application JOIN accounts_card card ON card.id = application.card_id
        WHERE application.state = 'issued' AND (application.price_fen, application.deposit_fen)
                IS DISTINCT FROM (card.price_fen, card.deposit_fen)
            OR application.state = 'writing' AND card.price_fen IS NOT NULL""",
}
