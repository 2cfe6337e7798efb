"""What was found for a turn, as numbers in its own row: figures read them, and they stay when the hits' texts go."""

from django.db import migrations, models

# Turns that were recorded before have their hits beside them; those without a hit and without a search stay unknown.
COUNT_HITS = """
UPDATE chat_turn AS turn
   SET hit_count = found.hit_count,
       cited_count = found.cited_count,
       top_similarity = found.top_similarity
  FROM (SELECT searched.id,
               count(hit.id) AS hit_count,
               count(hit.id) FILTER (WHERE hit.is_cited) AS cited_count,
               max(hit.similarity) AS top_similarity
          FROM chat_turn AS searched
          LEFT JOIN chat_hit AS hit ON hit.turn_id = searched.id
         WHERE searched.status NOT IN ('PENDING', 'STREAMING')
         GROUP BY searched.id
        HAVING count(hit.id) > 0 OR searched.search_seconds IS NOT NULL) AS found
 WHERE turn.id = found.id;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0012_finished_turns"),
    ]

    operations = [
        migrations.AddField(
            model_name="turn",
            name="hit_count",
            field=models.PositiveSmallIntegerField(help_text="Empty: it was not searched.", null=True),
        ),
        migrations.AddField(
            model_name="turn",
            name="cited_count",
            field=models.PositiveSmallIntegerField(help_text="Hits that the answer cites.", null=True),
        ),
        migrations.AddField(
            model_name="turn",
            name="top_similarity",
            field=models.FloatField(
                help_text="Cosine of the most similar hit, -1 to 1. Empty: not computed, or no hit.", null=True
            ),
        ),
        migrations.RunSQL(COUNT_HITS, migrations.RunSQL.noop),
    ]
