"""The words of the chunks that were there before the triggers that count them."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("chat", "0003_bm25")]

    operations = [migrations.RunSQL("SELECT chat_rebuild_postings()", migrations.RunSQL.noop)]
