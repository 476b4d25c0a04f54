"""Places, contracts, and terminals with keys of their own, states, heartbeats and events."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0009_passes"),  # for its btree_gist
        ("terminals", "0006_hotlist_listed_at"),
    ]

    operations = [
        migrations.CreateModel(
            name="Route",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=40, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
            ],
            options={
                "verbose_name": "route",
                "verbose_name_plural": "routes",
            },
        ),
        migrations.CreateModel(
            name="RouteStop",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("rank", models.PositiveSmallIntegerField(verbose_name="rank")),
                ("distance_m", models.PositiveIntegerField(verbose_name="distance (m)")),
            ],
            options={
                "verbose_name": "stop of a route",
                "verbose_name_plural": "stops of a route",
            },
        ),
        migrations.CreateModel(
            name="Stop",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=40, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "zone",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=20, verbose_name="fare zone"
                    ),
                ),
                (
                    "latitude",
                    models.DecimalField(
                        blank=True, decimal_places=6, max_digits=8, null=True, verbose_name="latitude"
                    ),
                ),
                (
                    "longitude",
                    models.DecimalField(
                        blank=True, decimal_places=6, max_digits=9, null=True, verbose_name="longitude"
                    ),
                ),
            ],
            options={
                "verbose_name": "stop",
                "verbose_name_plural": "stops",
            },
        ),
        migrations.CreateModel(
            name="TerminalEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.BigIntegerField(verbose_name="number")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("key", "key loaded or changed"),
                            ("sam", "SAM changed or failing"),
                            ("mac2_error", "card failed to prove the debit (MAC2)"),
                            ("tamper", "tampering"),
                            ("out_of_service", "out of service"),
                            ("in_service", "in service again"),
                            ("free_ride", "carried free, out of service"),
                        ],
                        max_length=14,
                        verbose_name="kind",
                    ),
                ),
                ("occurred_at", models.DateTimeField(verbose_name="occurred at")),
                ("times", models.PositiveIntegerField(verbose_name="times")),
                ("card_no", models.CharField(blank=True, max_length=19, verbose_name="card number")),
                ("detail", models.CharField(blank=True, max_length=200, verbose_name="detail")),
                (
                    "received_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="received at",
                    ),
                ),
            ],
            options={
                "verbose_name": "terminal event",
                "verbose_name_plural": "terminal events",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="TerminalKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("public_key", models.BinaryField(max_length=32, unique=True, verbose_name="public key")),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("installed", "installed by staff"),
                            ("enrolled", "enrolled by code"),
                            ("rotated", "rotated by the terminal"),
                        ],
                        max_length=9,
                        verbose_name="origin",
                    ),
                ),
                ("valid_from", models.DateTimeField(verbose_name="valid from")),
                ("valid_until", models.DateTimeField(blank=True, null=True, verbose_name="valid until")),
                ("revoked_at", models.DateTimeField(blank=True, null=True, verbose_name="revoked at")),
                (
                    "revoked_reason",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=100, verbose_name="reason"
                    ),
                ),
            ],
            options={
                "verbose_name": "terminal key",
                "verbose_name_plural": "terminal keys",
            },
        ),
        migrations.AlterModelOptions(
            name="terminal",
            options={
                "permissions": [
                    ("enrol_terminal", "Give out the code by which a terminal is enrolled"),
                    ("stop_terminal", "Suspend, resume, revoke and retire a terminal"),
                ],
                "verbose_name": "terminal",
                "verbose_name_plural": "terminals",
            },
        ),
        migrations.AddField(
            model_name="terminal",
            name="drift_ms",
            field=models.BigIntegerField(blank=True, null=True, verbose_name="clock drift (ms)"),
        ),
        migrations.AddField(
            model_name="terminal",
            name="firmware",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=40, verbose_name="firmware"
            ),
        ),
        migrations.AddField(
            model_name="terminal",
            name="free_bytes",
            field=models.BigIntegerField(blank=True, null=True, verbose_name="free space (bytes)"),
        ),
        migrations.AddField(
            model_name="terminal",
            name="hot_list_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="hot list acknowledged"),
        ),
        migrations.AddField(
            model_name="terminal",
            name="kind",
            field=models.CharField(
                choices=[
                    ("validator", "vehicle validator"),
                    ("gate", "gate"),
                    ("pos", "till"),
                    ("meter", "taximeter"),
                    ("barrier", "car park barrier"),
                ],
                default="pos",
                max_length=9,
                verbose_name="kind",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="terminal",
            name="parameter_version",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=40, verbose_name="parameter version"
            ),
        ),
        migrations.AddField(
            model_name="terminal",
            name="sam_key_version",
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="SAM key version"),
        ),
        migrations.AddField(
            model_name="terminal",
            name="serial",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=40, verbose_name="serial number"
            ),
        ),
        migrations.AddField(
            model_name="terminal",
            name="state_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(), verbose_name="in this state since"
            ),
        ),
        migrations.AddField(
            model_name="terminal",
            name="state_reason",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=100, verbose_name="reason"
            ),
        ),
        migrations.AddField(
            model_name="terminal",
            name="tapped_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="last tap"),
        ),
        migrations.AddField(
            model_name="terminal",
            name="tariff_version",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=40, verbose_name="tariff version"
            ),
        ),
        migrations.AddField(
            model_name="terminal",
            name="told_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="last heartbeat"),
        ),
        migrations.AddField(
            model_name="terminal",
            name="waiting_records",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="records waiting"),
        ),
        migrations.AlterField(
            model_name="terminal",
            name="hot_list_version",
            field=models.BigIntegerField(db_default=0, default=0, verbose_name="hot list version"),
        ),
        migrations.AlterField(
            model_name="terminal",
            name="state",
            field=django_fsm.FSMField(
                choices=[
                    ("registered", "registered"),
                    ("active", "active"),
                    ("suspended", "suspended"),
                    ("revoked", "revoked"),
                    ("retired", "retired"),
                ],
                default="registered",
                max_length=50,
                protected=True,
                verbose_name="state",
            ),
        ),
        migrations.CreateModel(
            name="Contract",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.CharField(max_length=40, unique=True, verbose_name="contract number")),
                ("valid_from", models.DateField(verbose_name="valid from")),
                ("valid_until", models.DateField(blank=True, null=True, verbose_name="valid until")),
                (
                    "merchant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="contracts",
                        to="terminals.merchant",
                        verbose_name="merchant",
                    ),
                ),
            ],
            options={
                "verbose_name": "contract",
                "verbose_name_plural": "contracts",
            },
        ),
        migrations.CreateModel(
            name="EnrolmentCode",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.CharField(max_length=64)),
                ("created_by", models.CharField(max_length=150, verbose_name="created by")),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="created at",
                    ),
                ),
                ("expires_at", models.DateTimeField(verbose_name="expires at")),
                ("tries", models.PositiveSmallIntegerField(db_default=0, default=0, verbose_name="tries")),
                ("used_at", models.DateTimeField(blank=True, null=True, verbose_name="used at")),
                (
                    "terminal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="enrolment_codes",
                        to="terminals.terminal",
                        verbose_name="terminal",
                    ),
                ),
            ],
            options={
                "verbose_name": "enrolment code",
                "verbose_name_plural": "enrolment codes",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="FleetPolicy",
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
                            ("validator", "vehicle validator"),
                            ("gate", "gate"),
                            ("pos", "till"),
                            ("meter", "taximeter"),
                            ("barrier", "car park barrier"),
                        ],
                        max_length=9,
                        verbose_name="kind",
                    ),
                ),
                ("valid_from", models.DateField(verbose_name="valid from")),
                ("silent_hours", models.PositiveIntegerField(verbose_name="silent after (hours)")),
                ("zero_trade_days", models.PositiveIntegerField(verbose_name="without trade after (days)")),
                ("list_minutes", models.PositiveIntegerField(verbose_name="list old after (minutes)")),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
            ],
            options={
                "verbose_name": "fleet policy",
                "verbose_name_plural": "fleet policies",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "valid_from"), name="fleet_policy_once_per_date"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("list_minutes__gte", 1),
                            ("silent_hours__gte", 1),
                            ("zero_trade_days__gte", 1),
                            models.Q(("legal_basis", ""), _negated=True),
                        ),
                        name="fleet_policy_says_what_and_why",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField(verbose_name="hour")),
                ("firmware", models.CharField(max_length=40, verbose_name="firmware")),
                ("sam_key_version", models.PositiveSmallIntegerField(verbose_name="SAM key version")),
                ("parameter_version", models.CharField(max_length=40, verbose_name="parameter version")),
                ("tariff_version", models.CharField(max_length=40, verbose_name="tariff version")),
                ("hot_list_version", models.BigIntegerField(verbose_name="hot list version")),
                ("drift_ms", models.BigIntegerField(verbose_name="clock drift (ms)")),
                ("free_bytes", models.BigIntegerField(verbose_name="free space (bytes)")),
                ("waiting_records", models.PositiveIntegerField(verbose_name="records waiting")),
                (
                    "terminal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="heartbeats",
                        to="terminals.terminal",
                        verbose_name="terminal",
                    ),
                ),
            ],
            options={
                "verbose_name": "heartbeat",
                "verbose_name_plural": "heartbeats",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Line",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=40, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "merchant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="terminals.merchant",
                        verbose_name="merchant",
                    ),
                ),
            ],
            options={
                "verbose_name": "line",
                "verbose_name_plural": "lines",
            },
        ),
        migrations.CreateModel(
            name="Place",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=40, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("vehicle", "vehicle"),
                            ("gate", "gate"),
                            ("shop", "shop"),
                            ("parking", "car park"),
                        ],
                        max_length=7,
                        verbose_name="kind",
                    ),
                ),
                (
                    "line",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="vehicles",
                        to="terminals.line",
                        verbose_name="line",
                    ),
                ),
                (
                    "merchant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="places",
                        to="terminals.merchant",
                        verbose_name="merchant",
                    ),
                ),
            ],
            options={
                "verbose_name": "place",
                "verbose_name_plural": "places",
            },
        ),
        migrations.AddField(
            model_name="terminal",
            name="site",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="terminals",
                to="terminals.place",
                verbose_name="mounted at",
            ),
        ),
        migrations.AddConstraint(
            model_name="terminal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["registered", "active", "suspended", "revoked", "retired"])
                ),
                name="terminal_state_known",
            ),
        ),
        migrations.AddField(
            model_name="route",
            name="line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="routes",
                to="terminals.line",
                verbose_name="line",
            ),
        ),
        migrations.AddField(
            model_name="routestop",
            name="route",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="calls",
                to="terminals.route",
                verbose_name="route",
            ),
        ),
        migrations.AddConstraint(
            model_name="stop",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("latitude", None), ("longitude", None)),
                    models.Q(
                        ("latitude__isnull", False),
                        ("latitude__range", (-90, 90)),
                        ("longitude__isnull", False),
                        ("longitude__range", (-180, 180)),
                    ),
                    _connector="OR",
                ),
                name="stop_is_on_earth",
            ),
        ),
        migrations.AddField(
            model_name="routestop",
            name="stop",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="calls",
                to="terminals.stop",
                verbose_name="stop",
            ),
        ),
        migrations.AddField(
            model_name="place",
            name="stop",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="gates",
                to="terminals.stop",
                verbose_name="stop",
            ),
        ),
        migrations.AddField(
            model_name="terminalevent",
            name="terminal",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="events",
                to="terminals.terminal",
                verbose_name="terminal",
            ),
        ),
        migrations.AddField(
            model_name="terminalkey",
            name="terminal",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="keys",
                to="terminals.terminal",
                verbose_name="terminal",
            ),
        ),
        migrations.AddConstraint(
            model_name="contract",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("valid_until", None), ("valid_until__gte", models.F("valid_from")), _connector="OR"
                ),
                name="contract_validity_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="contract",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    ("merchant", "="),
                    (
                        models.Func(
                            "valid_from",
                            "valid_until",
                            django.contrib.postgres.fields.ranges.RangeBoundary(inclusive_upper=True),
                            function="daterange",
                            output_field=django.contrib.postgres.fields.ranges.DateRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="one_contract_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="heartbeat",
            constraint=models.UniqueConstraint(fields=("terminal", "hour"), name="one_heartbeat_per_hour"),
        ),
        migrations.AddConstraint(
            model_name="routestop",
            constraint=models.UniqueConstraint(fields=("route", "rank"), name="one_stop_per_rank"),
        ),
        migrations.AddConstraint(
            model_name="routestop",
            constraint=models.CheckConstraint(
                condition=models.Q(("rank__gte", 1)), name="route_ranks_from_one"
            ),
        ),
        migrations.AddConstraint(
            model_name="place",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "vehicle"), ("stop", None)),
                    models.Q(("kind", "gate"), ("line", None), ("stop__isnull", False)),
                    models.Q(("kind__in", ["shop", "parking"]), ("line", None), ("stop", None)),
                    _connector="OR",
                ),
                name="place_is_where_its_kind_can_be",
            ),
        ),
        migrations.AddIndex(
            model_name="terminalevent",
            index=django.contrib.postgres.indexes.BrinIndex(
                fields=["received_at"], name="terminal_event_times"
            ),
        ),
        migrations.AddConstraint(
            model_name="terminalevent",
            constraint=models.UniqueConstraint(
                fields=("terminal", "number"), name="terminal_event_once_per_number"
            ),
        ),
        migrations.AddConstraint(
            model_name="terminalkey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("revoked_at", None), ("revoked_reason", "")),
                    models.Q(("revoked_at__isnull", False), models.Q(("revoked_reason", ""), _negated=True)),
                    _connector="OR",
                ),
                name="terminal_key_revoked_with_reason",
            ),
        ),
    ]
