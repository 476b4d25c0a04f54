"""What the database keeps of contracts, proposals, positions and adjustments; and the rates merchants had, as contracts."""

from django.db import migrations

# A rule in force stands on a proposal that a second person has approved.
APPROVED = """
CREATE FUNCTION settlement_needs_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM settlement_proposal WHERE id = NEW.proposal_id AND state = 'approved') THEN
        RAISE EXCEPTION '% stands on no approved proposal', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'settlement_rule_approved';
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION settlement_decided_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'proposed' AND NEW.state <> 'proposed'
        AND to_jsonb(OLD) - ARRAY['state', 'checker', 'checked_at', 'answer']
            = to_jsonb(NEW) - ARRAY['state', 'checker', 'checked_at', 'answer'] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a proposal is decided once and never changes'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'settlement_proposal_decided_once';
END $$;
CREATE TRIGGER decided_once BEFORE UPDATE OR DELETE ON settlement_proposal
    FOR EACH ROW EXECUTE FUNCTION settlement_decided_once();
"""
APPROVED_RULES = ("contract", "calendaryear", "cutoff", "adjustmentpolicy")

CONTRACTS = """
CREATE FUNCTION settlement_contract_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.valid_until IS NULL AND NEW.valid_until IS NOT NULL
        AND to_jsonb(OLD) - 'valid_until' = to_jsonb(NEW) - 'valid_until' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'of a contract nothing but its open end is set, once'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'settlement_contract_ends_once';
END $$;
CREATE TRIGGER ends_once BEFORE UPDATE OR DELETE ON settlement_contract
    FOR EACH ROW EXECUTE FUNCTION settlement_contract_ends_once();

CREATE FUNCTION settlement_contract_stands() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken text;
BEGIN
    SELECT CASE
        WHEN NOT EXISTS (SELECT FROM settlement_contractband WHERE contract_id = NEW.id AND floor = 0)
            THEN 'settlement_contract_has_a_first_band'
        WHEN NEW.measure = 'gross'
            AND EXISTS (SELECT FROM settlement_contractband WHERE contract_id = NEW.id AND price > 10000)
            THEN 'settlement_contract_takes_at_most_all'
        WHEN (NEW.split = '') IS DISTINCT FROM (SELECT sum(weight) IS NULL FROM settlement_contractshare WHERE contract_id = NEW.id)
            OR 10000 <> (SELECT coalesce(sum(weight), 10000) FROM settlement_contractshare WHERE contract_id = NEW.id)
            THEN 'settlement_contract_splits_the_whole'
        WHEN NEW.valid_from - 1 > (SELECT max(coalesce(valid_until, 'infinity')) FROM settlement_contract
                WHERE merchant_id = NEW.merchant_id AND valid_from < NEW.valid_from)
            OR NEW.valid_until + 1 < (SELECT min(valid_from) FROM settlement_contract
                WHERE merchant_id = NEW.merchant_id AND valid_from > NEW.valid_from)
            THEN 'settlement_contract_leaves_no_gap'
        WHEN EXISTS (SELECT FROM settlement_statement WHERE TG_OP = 'INSERT' AND merchant_id = NEW.merchant_id
                AND contract_id IS DISTINCT FROM NEW.id AND run_id BETWEEN NEW.valid_from AND coalesce(NEW.valid_until, 'infinity'))
            OR EXISTS (SELECT FROM settlement_statement WHERE contract_id = NEW.id AND run_id > NEW.valid_until)
            THEN 'settlement_contract_leaves_statements_alone'
    END INTO broken;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'contract %: %', NEW.number, broken
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = broken;
    END IF;
    RETURN NULL;
END $$;
"""
CONTRACTS_STAND = """
CREATE CONSTRAINT TRIGGER stands AFTER INSERT OR UPDATE ON settlement_contract DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION settlement_contract_stands();
"""

# What a contract asks for `base` of what it measures; the audit's own way to it, netting has another for all at once.
FEE = """
CREATE FUNCTION settlement_fee_fen(contract bigint, base bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN base <= 0 THEN 0 ELSE least(maximum_fen, greatest(minimum_fen, (
        SELECT CASE terms.measure WHEN 'count' THEN sum(asked) ELSE div(sum(asked) + 5000, 10000) END
        FROM (SELECT price::numeric * (least(base, lead(floor) OVER (ORDER BY floor)) - floor) AS asked
            FROM settlement_contractband WHERE contract_id = terms.id) AS band
        WHERE asked > 0)::bigint, 0)) END
    FROM settlement_contract AS terms WHERE id = contract
$$;
"""

POSITIONS = """
CREATE FUNCTION settlement_positions_sum_to_zero() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    off record;
BEGIN
    SELECT run_id, sum(amount_fen) AS fen INTO off FROM settlement_position
    WHERE run_id IN (SELECT run_id FROM made) GROUP BY run_id HAVING sum(amount_fen) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the positions of % come to % fen', off.run_id, off.fen
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'settlement_positions_sum_to_zero';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sum_to_zero AFTER INSERT ON settlement_position REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION settlement_positions_sum_to_zero();
"""

ADJUSTMENTS = """
CREATE FUNCTION settlement_adjustment_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM settlement_adjustment WHERE id = NEW.adjustment_id AND state = 'proposed'
            AND maker <> NEW.checker AND roles ? NEW.role) THEN
        RAISE EXCEPTION 'an adjustment is checked while it waits, in a role asked for, by another than its maker'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'adjustment_checked_by_others';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER checked_by_others BEFORE INSERT ON settlement_adjustmentcheck
    FOR EACH ROW EXECUTE FUNCTION settlement_adjustment_check();

CREATE FUNCTION settlement_adjustment_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'proposed'
        AND to_jsonb(OLD) - ARRAY['state', 'answer', 'business_date'] = to_jsonb(NEW) - ARRAY['state', 'answer', 'business_date']
        AND (NEW.state = 'refused' OR NEW.state = 'posted' AND jsonb_array_length(NEW.roles) =
            (SELECT count(*) FROM settlement_adjustmentcheck WHERE adjustment_id = NEW.id)) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an adjustment is posted when everybody has checked it, or refused, and never changes again'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'adjustment_decided_once';
END $$;
CREATE TRIGGER decided_once BEFORE UPDATE OR DELETE ON settlement_adjustment
    FOR EACH ROW EXECUTE FUNCTION settlement_adjustment_decided();
"""
APPEND_ONLY = (
    "contractband", "contractshare", "calendaryear", "calendarday", "cutoff", "statementshare", "position",
    "adjustmentpolicy", "adjustmentcheck",
)  # fmt: skip

# One rate held for all dates until now; the numbers on record are named in the basis.
TAKE_OVER = """
INSERT INTO settlement_proposal (kind, content, reason, state, maker, checker, checked_at, answer)
SELECT 'contract', '{}', 'terms on record with the merchants', 'approved', 'migration', 'city council', now(), ''
WHERE EXISTS (SELECT FROM terminals_merchant);
WITH made AS (
    INSERT INTO settlement_contract (number, merchant_id, valid_from, legal_basis, measure, period, settle_days, split,
        proposal_id)
    SELECT '0-' || merchant.code, merchant.id, '2000-01-01',
        left(concat_ws(' ', 'terms on record', string_agg(paper.number, ', ' ORDER BY paper.valid_from)), 200),
        'gross', 'day', 1, '', (SELECT max(id) FROM settlement_proposal)
    FROM terminals_merchant AS merchant LEFT JOIN terminals_contract AS paper ON paper.merchant_id = merchant.id
    GROUP BY merchant.id
    RETURNING id, merchant_id
)
INSERT INTO settlement_contractband (contract_id, floor, price)
SELECT made.id, 0, merchant.fee_basis_points FROM made JOIN terminals_merchant AS merchant ON merchant.id = made.merchant_id;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
"""

GUARDS = "".join(
    f"""
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
    for table in APPEND_ONLY
) + "".join(
    f"""
CREATE CONSTRAINT TRIGGER approved AFTER INSERT ON settlement_{table} DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION settlement_needs_approval();
"""
    for table in APPROVED_RULES
)


class Migration(migrations.Migration):
    dependencies = [("settlement", "0008_contracts"), ("core", "0001_initial")]
    operations = [
        migrations.RunSQL(APPROVED),
        migrations.RunSQL(CONTRACTS),
        migrations.RunSQL(FEE),
        migrations.RunSQL(POSITIONS),
        migrations.RunSQL(ADJUSTMENTS),
        migrations.RunSQL(TAKE_OVER),
        migrations.RunSQL(CONTRACTS_STAND),
        migrations.RunSQL(GUARDS),
    ]
