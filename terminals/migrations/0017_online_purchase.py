"""An online purchase that is simply accepted, in one call."""

from django.db import migrations

# The judgement of terminals/services/acceptance/judgement.py for the one record that is nobody's exception: the sequence
# and the counter are new, it is within the policy of its date, the card is not listed, the purse pays. Then the same rows as from a batch of one. Otherwise
# nothing is written, `answer` is NULL, and the general way judges. Locked in its order: terminal, open day, purse.
# A record that was answered before is answered again. The caller has checked TAC and signature, the latter by a key that he
# may have known for a while: whether it counts, and is that terminal's, is asked here. So with the tariff's version and the
# most that it can ask for (NULL: no bound), which the database cannot compute.
ACCEPT = """
CREATE FUNCTION terminals_accept_purchase(
    terminal bigint, signed_with bigint, terminal_no text, number text, digest bytea, pan text, atc integer, seq bigint, kind smallint, amount bigint,
    balance bigint, occurred timestamptz, tac bytea, place text, trip text, received timestamptz, production boolean,
    tariff bigint, most bigint, INOUT answer jsonb
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_variable
DECLARE
    sender record;
    payer record;
    rule record;
    stored record;
    day date;
    batch bigint;
    journal bigint;
    tap bigint;
    waited text;  -- assigned, not performed: an expression is cheaper than a statement
    told jsonb := answer;
BEGIN
    answer := NULL;
    SELECT t.code, t.merchant_id, t.tariff_code, m.payable_id, m.channel, t.sequences_seen @> seq AS seen INTO sender
        FROM terminals_terminal AS t JOIN terminals_merchant AS m ON m.id = t.merchant_id
        WHERE t.id = terminal AND t.terminal_no = terminal_no FOR NO KEY UPDATE OF t;
    IF NOT EXISTS (SELECT FROM terminals_terminalkey AS k WHERE k.id = signed_with AND k.terminal_id = terminal
            AND k.revoked_at IS NULL AND (k.valid_until IS NULL OR k.valid_until > received)) THEN
        RETURN;
    END IF;
    SELECT b.digest = digest AS same, b.answer INTO stored
        FROM terminals_batch AS b WHERE b.terminal_id = terminal AND b.number = number AND b.state = 'processed';
    IF FOUND THEN
        answer := CASE WHEN stored.same THEN stored.answer END;
        RETURN;
    ELSIF sender.seen IS NOT FALSE THEN
        RETURN;
    END IF;
    SELECT p.purchase_limit_fen, p.late_days, p.hold_over_price, (
            SELECT v.id FROM terminals_tariff AS v WHERE v.code = sender.tariff_code AND v.valid_from <= p.day
            ORDER BY v.valid_from DESC LIMIT 1
        ) AS tariff INTO rule
        FROM (SELECT *, (occurred AT TIME ZONE 'Asia/Shanghai')::date AS day FROM terminals_acceptancepolicy) AS p
        WHERE p.channel = sender.channel AND p.valid_from <= p.day ORDER BY p.valid_from DESC LIMIT 1;
    IF amount > rule.purchase_limit_fen
        OR extract(epoch FROM date_trunc('second', received) - occurred) > rule.late_days * 86400::bigint
        OR rule.hold_over_price AND (rule.tariff IS DISTINCT FROM tariff OR amount > coalesce(most, amount))
    THEN
        RETURN;
    END IF;
    waited := pg_advisory_xact_lock_shared(1112884313);  -- "BUDY", see citizencard.core.calendar
    SELECT d.date INTO day FROM core_businessday AS d WHERE d.state = 'open';
    IF day IS NULL THEN
        RAISE EXCEPTION 'no business day is open'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'business_day_assigned';
    END IF;
    -- The account's state may be a moment old: what has been frozen meanwhile, the ledger refuses.
    SELECT p.id, p.card_id, p.account_id, p.floor_fen, p.offline_seen @> atc AS seen,
            CASE WHEN a.state = 'open' THEN p.balance_fen - p.held_fen ELSE 0 END AS spendable,
            r.test_only AND production AS barred INTO payer
        FROM accounts_card AS c JOIN accounts_cardproduct AS r ON r.code = c.product_id JOIN accounts_purse AS p ON p.card_id = c.id AND p.kind = 'chip'
        JOIN accounts_ledgeraccount AS a ON a.id = p.account_id
        WHERE c.pan = pan FOR NO KEY UPDATE OF p;
    IF payer.seen IS NOT FALSE OR payer.barred
        OR amount > (CASE WHEN payer.spendable > 0 THEN payer.spendable - payer.floor_fen ELSE 0 END)
        OR EXISTS (SELECT FROM terminals_hotlistentry AS e WHERE e.pan = pan AND e.effective_at <= occurred
            AND (e.removed_at IS NULL OR e.removed_at > occurred))
    THEN
        RETURN;
    END IF;

    answer := told || jsonb_build_object('business_date', day);
    INSERT INTO terminals_batch AS b (terminal_id, number, digest, state, online, business_date, received_at, records,
            total_fen, accepted, suspended, duplicate, rejected, answer)
        VALUES (terminal, number, digest, 'processed', true, day, received, 1, amount, 1, 0, 0, 0, answer)
        RETURNING b.id INTO batch;
    INSERT INTO accounts_journal AS j (key, kind, actor, reason, source, business_date, posted_at)
        VALUES ('batch:' || batch, 'batch', 'terminal ' || sender.code, '', 'batch ' || number, day, received)
        RETURNING j.id INTO journal;
    INSERT INTO terminals_tap AS t (business_date, batch_id, line, terminal_id, merchant_id, card_id, atc, terminal_seq,
            kind, amount_fen, balance_fen, occurred_at, received_at, tac, outcome, note, trip)
        VALUES (day, batch, 1, terminal, sender.merchant_id, payer.card_id, atc, seq, kind, amount, balance, occurred,
            received, tac, 1, place, trip)
        RETURNING t.id INTO tap;
    IF amount > 0 THEN
        INSERT INTO accounts_transfer
                (business_date, kind, debit_id, credit_id, amount_fen, journal_id, source_id, occurred_at)
            VALUES (day, 10, payer.account_id, sender.payable_id, amount, journal, tap, occurred);
    END IF;
    UPDATE accounts_purse AS p SET offline_seen = p.offline_seen + int4multirange(int4range(atc, atc, '[]'))
        WHERE p.id = payer.id;
    UPDATE terminals_terminal AS t SET seen_at = received, tapped_at = greatest(t.tapped_at, occurred),
            sequences_seen = t.sequences_seen + int8multirange(int8range(seq, seq, '[]'))
        WHERE t.id = terminal;
END $$;
"""
DROP = """
DROP FUNCTION terminals_accept_purchase(
    bigint, bigint, text, text, bytea, text, integer, bigint, smallint, bigint, bigint, timestamptz, bytea, text, text, timestamptz,
    boolean, bigint, bigint, jsonb);
"""


class Migration(migrations.Migration):
    dependencies = [("terminals", "0016_lists_rides"), ("accounts", "0014_fares_concessions")]
    operations = [migrations.RunSQL(ACCEPT, DROP)]
