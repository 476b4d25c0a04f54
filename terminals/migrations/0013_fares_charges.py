"""What rides cost: a row for each ride and version, what payers owe for it, and how far a day's pricing is."""

from django.db import migrations, models

TABLES = """
CREATE SEQUENCE terminals_farecharge_id_seq;
CREATE TABLE terminals_farecharge (
    id bigint NOT NULL DEFAULT nextval('terminals_farecharge_id_seq'),
    business_date date NOT NULL,
    card_id bigint NOT NULL,
    atc integer NOT NULL,
    version smallint NOT NULL,
    merchant_id bigint NOT NULL,
    tariff varchar(64) NOT NULL,
    ride_at timestamptz NOT NULL,
    charged_fen bigint NOT NULL,
    full_fen bigint NOT NULL,
    due_fen bigint NOT NULL,
    given_fen bigint NOT NULL,
    order_id bigint,
    how varchar(10) NOT NULL,
    derivation bytea NOT NULL,
    digest bytea NOT NULL,
    priced_at timestamptz NOT NULL,
    CONSTRAINT fare_amounts_not_negative CHECK (charged_fen >= 0 AND full_fen >= 0 AND due_fen >= 0 AND given_fen >= 0),
    CONSTRAINT fare_given_back_is_not_more_than_taken CHECK (given_fen <= charged_fen),
    CONSTRAINT fare_given_back_waits_in_an_order CHECK ((given_fen > 0) = (order_id IS NOT NULL)),
    CONSTRAINT fare_derivation_keeps_its_digest CHECK (digest = sha256(derivation)),
    CONSTRAINT fare_versions_from_one CHECK (version >= 1),
    CONSTRAINT fare_how_known CHECK (how IN ('', 'held', 'inferred', 'claimed', 'budget', 'double', 'merged')),
    PRIMARY KEY (business_date, id)
) PARTITION BY RANGE (business_date);
CREATE UNIQUE INDEX fare_version_of_a_ride ON terminals_farecharge (business_date, card_id, atc, version);
CREATE INDEX fare_of_card ON terminals_farecharge (card_id, ride_at);

CREATE INDEX fare_healed ON terminals_farecharge (card_id) WHERE how = 'inferred' AND given_fen > 0;

CREATE SEQUENCE terminals_fareshare_id_seq;
CREATE TABLE terminals_fareshare (
    id bigint NOT NULL DEFAULT nextval('terminals_fareshare_id_seq'),
    business_date date NOT NULL,
    booking_id bigint NOT NULL,
    ride_date date NOT NULL,
    card_id bigint NOT NULL,
    atc integer NOT NULL,
    version smallint NOT NULL,
    merchant_id bigint NOT NULL,
    payer varchar(64) NOT NULL,
    rule varchar(64) NOT NULL,
    amount_fen bigint NOT NULL,
    CONSTRAINT fare_share_not_nothing CHECK (amount_fen <> 0),
    PRIMARY KEY (business_date, id)
) PARTITION BY RANGE (business_date);
CREATE INDEX fare_share_of_card ON terminals_fareshare (card_id, atc);
CREATE INDEX fare_share_of_payer ON terminals_fareshare (payer, business_date);

CREATE FUNCTION terminals_open_fare_partition() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM core_daily_partition('terminals_farecharge', NEW.date, true);
    PERFORM core_daily_partition('terminals_fareshare', NEW.date, true);
    RETURN NULL;
END $$;
CREATE TRIGGER terminals_fare_partition AFTER INSERT ON core_businessday
    FOR EACH ROW EXECUTE FUNCTION terminals_open_fare_partition();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terminals_farecharge
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terminals_fareshare
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
SELECT core_daily_partition('terminals_farecharge', date, true), core_daily_partition('terminals_fareshare', date, true)
FROM core_businessday;
"""
DROP = """
DROP TRIGGER terminals_fare_partition ON core_businessday;
DROP FUNCTION terminals_open_fare_partition();
DROP TABLE terminals_farecharge, terminals_fareshare;
DROP SEQUENCE terminals_farecharge_id_seq, terminals_fareshare_id_seq;
"""


class Migration(migrations.Migration):
    dependencies = [("terminals", "0012_fares_documents"), ("accounts", "0014_fares_concessions")]
    operations = [
        migrations.CreateModel(
            name="FareCharge",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "business_date", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.BigIntegerField()),
                ("business_date", models.DateField(verbose_name="business date")),
                ("card_id", models.BigIntegerField()),
                ("atc", models.IntegerField(verbose_name="offline ATC")),
                ("version", models.SmallIntegerField(verbose_name="version")),
                ("merchant_id", models.BigIntegerField()),
                ("tariff", models.CharField(max_length=64, verbose_name="tariff")),
                ("ride_at", models.DateTimeField(verbose_name="ride began")),
                ("charged_fen", models.BigIntegerField(verbose_name="taken by the chip (fen)")),
                ("full_fen", models.BigIntegerField(verbose_name="full fare (fen)")),
                ("due_fen", models.BigIntegerField(verbose_name="due (fen)")),
                ("given_fen", models.BigIntegerField(verbose_name="given back (fen)")),
                ("order_id", models.BigIntegerField(null=True)),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("", "as tapped"),
                            ("held", "a tap is missing: highest fare"),
                            ("inferred", "a missing tap was inferred"),
                            ("claimed", "a missing tap was claimed"),
                            ("budget", "inferred too often this half-year: not given back"),
                            ("double", "tapped twice: free"),
                            ("merged", "part of another ride"),
                        ],
                        max_length=10,
                        verbose_name="how priced",
                    ),
                ),
                ("derivation", models.BinaryField(verbose_name="derivation")),
                ("digest", models.BinaryField(max_length=32, verbose_name="SHA-256")),
                ("priced_at", models.DateTimeField(verbose_name="priced at")),
            ],
            options={
                "verbose_name": "fare charge",
                "verbose_name_plural": "fare charges",
                "db_table": "terminals_farecharge",
                "managed": False,
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="FareShare",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "business_date", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.BigIntegerField()),
                ("business_date", models.DateField(verbose_name="business date")),
                ("booking_id", models.BigIntegerField()),
                ("ride_date", models.DateField(verbose_name="date of the ride")),
                ("card_id", models.BigIntegerField()),
                ("atc", models.IntegerField(verbose_name="offline ATC")),
                ("version", models.SmallIntegerField(verbose_name="version")),
                ("merchant_id", models.BigIntegerField()),
                ("payer", models.CharField(max_length=64, verbose_name="payer")),
                ("rule", models.CharField(max_length=64, verbose_name="rule")),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
            ],
            options={
                "verbose_name": "share of a fare",
                "verbose_name_plural": "shares of fares",
                "db_table": "terminals_fareshare",
                "managed": False,
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="FarePricing",
            fields=[
                (
                    "business_date",
                    models.DateField(primary_key=True, serialize=False, verbose_name="business date"),
                ),
                ("last_card_id", models.BigIntegerField(db_default=0, default=0)),
                ("cards", models.PositiveIntegerField(db_default=0, default=0, verbose_name="cards")),
                (
                    "charges",
                    models.PositiveIntegerField(db_default=0, default=0, verbose_name="charges written"),
                ),
                (
                    "given_fen",
                    models.BigIntegerField(db_default=0, default=0, verbose_name="given back (fen)"),
                ),
                ("faults", models.JSONField(default=dict, verbose_name="taps without a fare")),
                ("finished_at", models.DateTimeField(blank=True, null=True, verbose_name="finished at")),
            ],
            options={
                "verbose_name": "pricing of a day",
                "verbose_name_plural": "pricing of days",
                "default_permissions": (),
            },
        ),
        migrations.RunSQL(TABLES, DROP),
    ]
