"""Rules about personal data, holds, and what people ask: about access, to be corrected, to be erased."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0031_erasing'),
    ]

    operations = [
        migrations.CreateModel(
            name='AccessQuestion',
            fields=[
                ('access', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='question', serialize=False, to='accounts.dataaccess', verbose_name='access')),
                ('seen_by', models.CharField(max_length=150, verbose_name='seen by')),
                ('asked_at', models.DateTimeField(verbose_name='asked at')),
                ('due_on', models.DateField(verbose_name='due on')),
                ('answered_at', models.DateTimeField(blank=True, null=True, verbose_name='answered at')),
                ('answered_by', models.CharField(blank=True, max_length=150, verbose_name='answered by')),
                ('answer', models.CharField(blank=True, max_length=500, verbose_name='answer')),
            ],
            options={
                'verbose_name': 'question about an access',
                'verbose_name_plural': 'questions about access',
                'permissions': [('answer_accessquestion', 'Answer questions about access to personal data')],
                'default_permissions': ('view',),
                'indexes': [models.Index(condition=models.Q(('answered_at', None)), fields=['due_on'], name='access_question_open')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('answer', ''), ('answered_at', None), ('answered_by', '')), models.Q(('answered_at__isnull', False), models.Q(('answered_by', ''), _negated=True), models.Q(('answer', ''), _negated=True)), _connector='OR'), name='access_question_answered_whole'), models.CheckConstraint(condition=models.Q(('answered_by', models.F('seen_by')), _negated=True), name='access_question_answered_by_another')],
            },
        ),
        migrations.CreateModel(
            name='PrivacyRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('maker', models.CharField(max_length=150, verbose_name='proposed by')),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='proposed at')),
                ('checker', models.CharField(blank=True, db_default='', default='', max_length=150, verbose_name='checked by')),
                ('checked_at', models.DateTimeField(blank=True, null=True, verbose_name='checked at')),
                ('answer', models.CharField(blank=True, db_default='', default='', max_length=200, verbose_name='why refused')),
                ('state', django_fsm.FSMField(choices=[('proposed', 'proposed'), ('approved', 'approved'), ('refused', 'refused')], default='proposed', max_length=8, protected=True, verbose_name='state')),
                ('subject', models.CharField(choices=[('question', 'answer to a question about an access'), ('erasure', 'erasure that somebody asked for'), ('correction', 'correction that somebody asked for'), ('attempts', 'sign-in attempts'), ('sessions', 'sessions that have ended'), ('pairing', 'codes for workstations that nobody used'), ('notices', 'messages to citizens'), ('places', 'places of trips, as the holder sees them')], max_length=20, verbose_name='what for')),
                ('valid_from', models.DateField(verbose_name='valid from')),
                ('days', models.PositiveIntegerField(verbose_name='days')),
                ('legal_basis', models.CharField(max_length=200, verbose_name='legal basis')),
            ],
            options={
                'verbose_name': 'rule about personal data',
                'verbose_name_plural': 'rules about personal data',
                'permissions': [('propose_privacyrule', 'Propose rules about personal data'), ('approve_privacyrule', 'Approve rules about personal data')],
                'abstract': False,
                'default_permissions': ('view',),
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('checked_at', None), ('checker', ''), ('state', 'proposed')), models.Q(('checked_at__isnull', False), ('checker__gt', ''), ('state__in', ['approved', 'refused']), models.Q(('checker', models.F('maker')), _negated=True)), _connector='OR'), name='privacy_privacyrule_by_two'), models.UniqueConstraint(condition=models.Q(('state', 'approved')), fields=('subject', 'valid_from'), name='one_privacy_rule_per_date'), models.CheckConstraint(condition=models.Q(('days__gte', 1), models.Q(('legal_basis', ''), _negated=True)), name='privacy_rule_says_what_and_why')],
            },
        ),
        migrations.CreateModel(
            name='CorrectionRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('field', models.CharField(choices=[('name', 'name'), ('document', 'document number'), ('phone', 'phone'), ('birth', 'birth date')], max_length=10, verbose_name='data')),
                ('made_by', models.CharField(max_length=150, verbose_name='asked for by')),
                ('made_at', models.DateTimeField(verbose_name='asked at')),
                ('due_on', models.DateField(verbose_name='due on')),
                ('answered_at', models.DateTimeField(blank=True, null=True, verbose_name='answered at')),
                ('answered_by', models.CharField(blank=True, max_length=150, verbose_name='answered by')),
                ('answer', models.CharField(blank=True, max_length=500, verbose_name='answer')),
                ('citizen', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='correction_requests', to='accounts.citizen', verbose_name='citizen')),
            ],
            options={
                'verbose_name': 'correction',
                'verbose_name_plural': 'corrections',
                'permissions': [('answer_correctionrequest', 'Answer requests to correct personal data')],
                'default_permissions': ('view',),
                'constraints': [models.UniqueConstraint(condition=models.Q(('answered_at', None)), fields=('citizen', 'field'), name='one_correction_under_way'), models.CheckConstraint(condition=models.Q(models.Q(('answer', ''), ('answered_at', None), ('answered_by', '')), models.Q(('answered_at__isnull', False), models.Q(('answered_by', ''), _negated=True), models.Q(('answer', ''), _negated=True)), _connector='OR'), name='correction_answered_whole')],
            },
        ),
        migrations.CreateModel(
            name='ErasureRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('made_by', models.CharField(max_length=150, verbose_name='asked for by')),
                ('made_at', models.DateTimeField(verbose_name='asked at')),
                ('due_on', models.DateField(verbose_name='due on')),
                ('state', django_fsm.FSMField(choices=[('open', 'to be checked'), ('checked', 'checked, to be carried out'), ('done', 'carried out'), ('refused', 'refused')], default='open', max_length=7, protected=True, verbose_name='state')),
                ('checked_by', models.CharField(blank=True, max_length=150, verbose_name='checked by')),
                ('checked_at', models.DateTimeField(blank=True, null=True, verbose_name='checked at')),
                ('decided_by', models.CharField(blank=True, max_length=150, verbose_name='decided by')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided at')),
                ('answer', models.CharField(blank=True, max_length=300, verbose_name='why refused')),
                ('citizen', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='erasure_requests', to='accounts.citizen', verbose_name='citizen')),
            ],
            options={
                'verbose_name': 'erasure',
                'verbose_name_plural': 'erasures',
                'permissions': [('check_erasurerequest', 'Take in and check requests to be erased'), ('approve_erasurerequest', 'Erase people, or refuse it')],
                'default_permissions': ('view',),
                'constraints': [models.UniqueConstraint(condition=models.Q(('state__in', ['open', 'checked'])), fields=('citizen',), name='one_erasure_under_way'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'done'), _negated=True), models.Q(('checked_at__isnull', False), ('decided_at__isnull', False), models.Q(('checked_by', ''), _negated=True), models.Q(('decided_by', ''), _negated=True), models.Q(('decided_by', models.F('checked_by')), _negated=True), models.Q(('decided_by', models.F('made_by')), _negated=True)), _connector='OR'), name='erasure_by_two'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'refused'), _negated=True), models.Q(models.Q(('answer', ''), _negated=True), models.Q(('decided_by', ''), _negated=True)), _connector='OR'), name='erasure_refused_with_a_reason')],
            },
        ),
        migrations.CreateModel(
            name='LegalHold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subject', models.CharField(blank=True, choices=[('question', 'answer to a question about an access'), ('erasure', 'erasure that somebody asked for'), ('correction', 'correction that somebody asked for'), ('attempts', 'sign-in attempts'), ('sessions', 'sessions that have ended'), ('pairing', 'codes for workstations that nobody used'), ('notices', 'messages to citizens'), ('places', 'places of trips, as the holder sees them')], help_text='empty: everything', max_length=20, verbose_name='what for')),
                ('reason', models.CharField(max_length=200, verbose_name='reason')),
                ('placed_by', models.CharField(max_length=150, verbose_name='placed by')),
                ('placed_at', models.DateTimeField(verbose_name='placed at')),
                ('released_by', models.CharField(blank=True, max_length=150, verbose_name='released by')),
                ('released_at', models.DateTimeField(blank=True, null=True, verbose_name='released at')),
                ('citizen', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='legal_holds', to='accounts.citizen', verbose_name='citizen')),
            ],
            options={
                'verbose_name': 'legal hold',
                'verbose_name_plural': 'legal holds',
                'permissions': [('place_legalhold', 'Place and release legal holds')],
                'default_permissions': ('view',),
                'constraints': [models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='legal_hold_has_a_reason'), models.CheckConstraint(condition=models.Q(models.Q(('released_at', None), ('released_by', '')), models.Q(('released_at__isnull', False), models.Q(('released_by', ''), _negated=True), models.Q(('released_by', models.F('placed_by')), _negated=True)), _connector='OR'), name='legal_hold_released_by_another')],
            },
        ),
    ]
