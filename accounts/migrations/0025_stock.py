"""Stock of cards: orders, places, items, and movements whose trigger alone moves and counts."""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models

# A line moves its card and counts it; a card that is not where its movement begins is refused, and with it the movement.
MOVES = """
CREATE FUNCTION accounts_stock_moves() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    elsewhere bigint;
BEGIN
    PERFORM FROM accounts_stockitem WHERE id IN (SELECT item_id FROM fresh) ORDER BY id FOR NO KEY UPDATE;
    SELECT item.card_id INTO elsewhere
    FROM fresh JOIN accounts_stockmovement AS movement ON movement.id = fresh.movement_id
        JOIN accounts_stockitem AS item ON item.id = fresh.item_id
    WHERE item.place_id <> movement.source_id OR (movement.kind, item.state) NOT IN (
            ('produced', 'ordered'), ('sent', 'held'), ('arrived', 'travelling'), ('issued', 'held'),
            ('scrapped', 'held'), ('lost', 'held'), ('lost', 'travelling'), ('found', 'lost'))
        OR movement.kind = 'arrived' AND item.bound_for_id <> movement.target_id
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'card % is not in stock where the movement begins', elsewhere
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'stock_item_is_there';
    END IF;
    INSERT INTO accounts_stocklevel (place_id, product_id)
    SELECT DISTINCT movement.target_id, card.product_id
    FROM fresh JOIN accounts_stockmovement AS movement ON movement.id = fresh.movement_id
        JOIN accounts_stockitem AS item ON item.id = fresh.item_id JOIN accounts_card AS card ON card.id = item.card_id
    ORDER BY 1, 2 ON CONFLICT DO NOTHING;
    -- What is lost on its way comes back into its sender's books first.
    UPDATE accounts_stocklevel AS level SET produced = level.produced + moved.produced, came = level.came + moved.came,
        went = level.went + moved.went, issued = level.issued + moved.issued, scrapped = level.scrapped + moved.scrapped,
        lost = level.lost + moved.lost
    FROM (
        SELECT CASE movement.kind WHEN 'sent' THEN movement.source_id ELSE movement.target_id END AS place_id, card.product_id,
            count(*) FILTER (WHERE movement.kind = 'produced') AS produced,
            count(*) FILTER (WHERE movement.kind = 'arrived' OR movement.kind = 'lost' AND item.state = 'travelling') AS came,
            count(*) FILTER (WHERE movement.kind = 'sent') AS went,
            count(*) FILTER (WHERE movement.kind = 'issued') AS issued,
            count(*) FILTER (WHERE movement.kind = 'scrapped') AS scrapped,
            count(*) FILTER (WHERE movement.kind = 'lost') - count(*) FILTER (WHERE movement.kind = 'found') AS lost
        FROM fresh JOIN accounts_stockmovement AS movement ON movement.id = fresh.movement_id
            JOIN accounts_stockitem AS item ON item.id = fresh.item_id JOIN accounts_card AS card ON card.id = item.card_id
        GROUP BY 1, 2
    ) AS moved
    WHERE level.place_id = moved.place_id AND level.product_id = moved.product_id;
    UPDATE accounts_stockitem AS item SET
        state = CASE movement.kind WHEN 'sent' THEN 'travelling' WHEN 'issued' THEN 'issued' WHEN 'scrapped' THEN 'scrapped'
            WHEN 'lost' THEN 'lost' ELSE 'held' END,
        place_id = CASE movement.kind WHEN 'sent' THEN movement.source_id ELSE movement.target_id END,
        bound_for_id = CASE movement.kind WHEN 'sent' THEN movement.target_id END
    FROM fresh JOIN accounts_stockmovement AS movement ON movement.id = fresh.movement_id
    WHERE item.id = fresh.item_id;
    RETURN NULL;
END $$;
CREATE TRIGGER moves AFTER INSERT ON accounts_stockline REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_stock_moves();

CREATE FUNCTION accounts_stock_by_movement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'stock changes by movements only'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'stock_by_movement';
END $$;
CREATE TRIGGER begins_ordered BEFORE INSERT ON accounts_stockitem FOR EACH ROW
    WHEN (NEW.state <> 'ordered') EXECUTE FUNCTION accounts_stock_by_movement();
CREATE TRIGGER by_movement BEFORE UPDATE ON accounts_stockitem FOR EACH ROW
    WHEN (pg_trigger_depth() = 0 AND (OLD.card_id, OLD.order_id, OLD.place_id, OLD.bound_for_id, OLD.state)
        IS DISTINCT FROM (NEW.card_id, NEW.order_id, NEW.place_id, NEW.bound_for_id, NEW.state))
    EXECUTE FUNCTION accounts_stock_by_movement();
CREATE TRIGGER kept BEFORE DELETE ON accounts_stockitem FOR EACH STATEMENT EXECUTE FUNCTION accounts_stock_by_movement();
CREATE TRIGGER begins_empty BEFORE INSERT ON accounts_stocklevel FOR EACH ROW
    WHEN (pg_trigger_depth() = 0
        AND (NEW.produced, NEW.came, NEW.went, NEW.issued, NEW.scrapped, NEW.lost) <> (0, 0, 0, 0, 0, 0))
    EXECUTE FUNCTION accounts_stock_by_movement();
CREATE TRIGGER by_movement BEFORE UPDATE ON accounts_stocklevel FOR EACH ROW
    WHEN (pg_trigger_depth() = 0
        AND (OLD.place_id, OLD.product_id, OLD.produced, OLD.came, OLD.went, OLD.issued, OLD.scrapped, OLD.lost)
            <> (NEW.place_id, NEW.product_id, NEW.produced, NEW.came, NEW.went, NEW.issued, NEW.scrapped, NEW.lost))
    EXECUTE FUNCTION accounts_stock_by_movement();
CREATE TRIGGER kept BEFORE DELETE ON accounts_stocklevel FOR EACH STATEMENT EXECUTE FUNCTION accounts_stock_by_movement();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_stockmovement
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_stockline
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_stockcount
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
# The functions' triggers go with their tables.
MOVES_BACK = """
DROP FUNCTION accounts_stock_moves() CASCADE;
DROP FUNCTION accounts_stock_by_movement() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0024_replacements"),
    ]

    operations = [
        migrations.CreateModel(
            name="StockPlace",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.SlugField(max_length=20, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=50, verbose_name="name")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("bureau", "bureau"),
                            ("store", "central store"),
                            ("hall", "service hall"),
                            ("clerk", "clerk"),
                        ],
                        max_length=6,
                        verbose_name="kind",
                    ),
                ),
            ],
            options={
                "verbose_name": "place of stock",
                "verbose_name_plural": "places of stock",
            },
        ),
        migrations.CreateModel(
            name="CardOrder",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("maker", models.CharField(max_length=150, verbose_name="proposed by")),
                (
                    "made_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="proposed at",
                    ),
                ),
                (
                    "checker",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=150, verbose_name="checked by"
                    ),
                ),
                ("checked_at", models.DateTimeField(blank=True, null=True, verbose_name="checked at")),
                (
                    "answer",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=200, verbose_name="why refused"
                    ),
                ),
                ("quantity", models.PositiveIntegerField(verbose_name="cards")),
                ("deadline", models.DateField(verbose_name="wanted by")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("proposed", "proposed"),
                            ("approved", "approved"),
                            ("refused", "refused"),
                            ("sent", "at the bureau"),
                            ("produced", "produced"),
                            ("delivered", "delivered"),
                        ],
                        default="proposed",
                        max_length=9,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.cardproduct",
                        verbose_name="product",
                    ),
                ),
                (
                    "hall",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to="accounts.stockplace",
                        verbose_name="for the hall",
                    ),
                ),
            ],
            options={
                "verbose_name": "card order",
                "verbose_name_plural": "card orders",
            },
        ),
        migrations.CreateModel(
            name="StockItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "carton",
                    models.CharField(
                        blank=True, db_index=True, default="", max_length=20, verbose_name="carton"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("ordered", "ordered"),
                            ("held", "in stock"),
                            ("travelling", "on its way"),
                            ("issued", "issued"),
                            ("scrapped", "scrapped"),
                            ("lost", "lost"),
                        ],
                        db_default="ordered",
                        default="ordered",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "card",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="stock_item",
                        to="accounts.card",
                        verbose_name="card",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="items",
                        to="accounts.cardorder",
                        verbose_name="card order",
                    ),
                ),
                (
                    "bound_for",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.stockplace",
                        verbose_name="bound for",
                    ),
                ),
                (
                    "place",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="items",
                        to="accounts.stockplace",
                        verbose_name="place",
                    ),
                ),
            ],
            options={
                "verbose_name": "card in stock",
                "verbose_name_plural": "cards in stock",
            },
        ),
        migrations.CreateModel(
            name="StockMovement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("produced", "produced"),
                            ("sent", "sent"),
                            ("arrived", "arrived"),
                            ("issued", "issued"),
                            ("scrapped", "scrapped"),
                            ("lost", "lost"),
                            ("found", "found"),
                        ],
                        max_length=8,
                        verbose_name="kind",
                    ),
                ),
                ("actor", models.CharField(max_length=150, verbose_name="actor")),
                (
                    "witness",
                    models.CharField(blank=True, default="", max_length=150, verbose_name="second signature"),
                ),
                ("reason", models.CharField(blank=True, default="", max_length=200, verbose_name="reason")),
                (
                    "moved_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="at",
                    ),
                ),
                (
                    "answers",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="arrivals",
                        to="accounts.stockmovement",
                        verbose_name="consignment",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.stockplace",
                        verbose_name="from",
                    ),
                ),
                (
                    "target",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.stockplace",
                        verbose_name="to",
                    ),
                ),
            ],
            options={
                "verbose_name": "movement of stock",
                "verbose_name_plural": "movements of stock",
            },
        ),
        migrations.CreateModel(
            name="StockLevel",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("produced", models.IntegerField(db_default=0, default=0, verbose_name="produced")),
                ("came", models.IntegerField(db_default=0, default=0, verbose_name="came in")),
                ("went", models.IntegerField(db_default=0, default=0, verbose_name="sent away")),
                ("issued", models.IntegerField(db_default=0, default=0, verbose_name="issued")),
                ("scrapped", models.IntegerField(db_default=0, default=0, verbose_name="scrapped")),
                ("lost", models.IntegerField(db_default=0, default=0, verbose_name="lost")),
                (
                    "count",
                    models.GeneratedField(
                        db_persist=True,
                        expression=django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            models.F("produced"), "+", models.F("came")
                                        ),
                                        "-",
                                        models.F("went"),
                                    ),
                                    "-",
                                    models.F("issued"),
                                ),
                                "-",
                                models.F("scrapped"),
                            ),
                            "-",
                            models.F("lost"),
                        ),
                        output_field=models.IntegerField(),
                        verbose_name="in stock",
                    ),
                ),
                ("minimum", models.PositiveIntegerField(db_default=0, default=0, verbose_name="at least")),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.cardproduct",
                        verbose_name="product",
                    ),
                ),
                (
                    "place",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="levels",
                        to="accounts.stockplace",
                        verbose_name="place",
                    ),
                ),
            ],
            options={
                "verbose_name": "level of stock",
                "verbose_name_plural": "levels of stock",
            },
        ),
        migrations.CreateModel(
            name="StockCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("expected", models.PositiveIntegerField(verbose_name="in the books")),
                ("counted", models.PositiveIntegerField(verbose_name="counted")),
                ("missing", models.JSONField(verbose_name="missing")),
                ("surplus", models.JSONField(verbose_name="not of this place")),
                ("actor", models.CharField(max_length=150, verbose_name="actor")),
                (
                    "counted_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="counted at",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.cardproduct",
                        verbose_name="product",
                    ),
                ),
                (
                    "place",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="counts",
                        to="accounts.stockplace",
                        verbose_name="place",
                    ),
                ),
            ],
            options={
                "verbose_name": "stock-taking",
                "verbose_name_plural": "stock-takings",
            },
        ),
        migrations.CreateModel(
            name="StockProposal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("maker", models.CharField(max_length=150, verbose_name="proposed by")),
                (
                    "made_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="proposed at",
                    ),
                ),
                (
                    "checker",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=150, verbose_name="checked by"
                    ),
                ),
                ("checked_at", models.DateTimeField(blank=True, null=True, verbose_name="checked at")),
                (
                    "answer",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=200, verbose_name="why refused"
                    ),
                ),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("proposed", "proposed"), ("approved", "approved"), ("refused", "refused")],
                        default="proposed",
                        max_length=8,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("scrapped", "scrapped"), ("found", "found")],
                        max_length=8,
                        verbose_name="kind",
                    ),
                ),
                ("first", models.CharField(max_length=19, verbose_name="first card number")),
                ("last", models.CharField(max_length=19, verbose_name="last card number")),
                ("reason", models.CharField(max_length=200, verbose_name="reason")),
                (
                    "place",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.stockplace",
                        verbose_name="place",
                    ),
                ),
            ],
            options={
                "verbose_name": "proposal about stock",
                "verbose_name_plural": "proposals about stock",
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="StockLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="accounts.stockitem",
                        verbose_name="card in stock",
                    ),
                ),
                (
                    "movement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="accounts.stockmovement",
                        verbose_name="movement of stock",
                    ),
                ),
            ],
            options={
                "verbose_name": "line of a movement",
                "verbose_name_plural": "lines of a movement",
                "constraints": [
                    models.UniqueConstraint(fields=("movement", "item"), name="stock_item_once_per_movement")
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="stockmovement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind__in", ["arrived", "scrapped", "found"]), _negated=True),
                    models.Q(("witness__gt", ""), models.Q(("witness", models.F("actor")), _negated=True)),
                    _connector="OR",
                ),
                name="stock_changes_hands_before_two",
            ),
        ),
        migrations.AddConstraint(
            model_name="stockmovement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("kind__in", ["sent", "arrived"]),
                        models.Q(("source", models.F("target")), _negated=True),
                    ),
                    models.Q(
                        models.Q(("kind__in", ["sent", "arrived"]), _negated=True),
                        ("source", models.F("target")),
                    ),
                    _connector="OR",
                ),
                name="stock_travels_between_places",
            ),
        ),
        migrations.AddConstraint(
            model_name="stockmovement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("answers__isnull", False), ("kind", "arrived")),
                    models.Q(models.Q(("kind", "arrived"), _negated=True), ("answers", None)),
                    _connector="OR",
                ),
                name="stock_arrives_as_it_was_sent",
            ),
        ),
        migrations.AddConstraint(
            model_name="stockmovement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind__in", ["scrapped", "lost", "found"]), _negated=True),
                    ("reason__gt", ""),
                    _connector="OR",
                ),
                name="stock_leaves_for_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="stocklevel",
            constraint=models.UniqueConstraint(fields=("place", "product"), name="stock_level_once"),
        ),
        migrations.AddConstraint(
            model_name="stocklevel",
            constraint=models.CheckConstraint(
                condition=models.Q(("count__gte", 0)), name="stock_level_not_negative"
            ),
        ),
        migrations.AddIndex(
            model_name="stockitem",
            index=models.Index(fields=["place", "state"], name="stock_item_by_place"),
        ),
        migrations.AddConstraint(
            model_name="stockitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("bound_for__isnull", False), ("state", "travelling")),
                    models.Q(models.Q(("state", "travelling"), _negated=True), ("bound_for", None)),
                    _connector="OR",
                ),
                name="stock_item_travels_somewhere",
            ),
        ),
        migrations.AddConstraint(
            model_name="cardorder",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__range", (1, 10000))), name="card_order_quantity"
            ),
        ),
        migrations.AddConstraint(
            model_name="cardorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("checked_at", None), ("checker", ""), ("state", "proposed")),
                    models.Q(
                        models.Q(("state", "proposed"), _negated=True),
                        ("checked_at__isnull", False),
                        ("checker__gt", ""),
                        models.Q(("checker", models.F("maker")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="card_order_by_two",
            ),
        ),
        migrations.AddConstraint(
            model_name="stockproposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("checked_at", None), ("checker", ""), ("state", "proposed")),
                    models.Q(
                        ("checked_at__isnull", False),
                        ("checker__gt", ""),
                        ("state__in", ["approved", "refused"]),
                        models.Q(("checker", models.F("maker")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="accounts_stockproposal_by_two",
            ),
        ),
        migrations.RunSQL(MOVES, MOVES_BACK),
    ]
