"""Mark the calls that were imported before: those of imported answers, but for what judged them here."""

from django.db import migrations

MARK_SQL = """
UPDATE chat_llmcall AS call
   SET is_imported = true
  FROM chat_turn AS turn
 WHERE turn.id = call.turn_id
   AND turn.import_key > ''
   AND call.origin IS NULL
   AND call.purpose <> 'judge'
"""


class Migration(migrations.Migration):
    dependencies = [("chat", "0030_imported_calls")]
    operations = [migrations.RunSQL(MARK_SQL, migrations.RunSQL.noop)]
