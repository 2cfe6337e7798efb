"""The words of all chunks, counted anew as they are split now."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("chat", "0005_split_words")]

    operations = [migrations.RunSQL("SELECT chat_rebuild_postings()", migrations.RunSQL.noop)]
