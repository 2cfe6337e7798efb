"""Words joined by signs count one by one: PostgreSQL takes `docker-compose.yml` and `xgboost.core.Booster` for names of
hosts and files, one lexeme each, which no question asks for. Text search reads postings, so the vectors' own index
goes."""

import django.contrib.postgres.search
from django.db import migrations, models

import chat.models.fields

# Used in a generated column: what it returns may never change. Another rule is another function.
CREATE_LEXEMES = r"""
CREATE FUNCTION chat_lexemes(language regconfig, text text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT to_tsvector(language, regexp_replace(text, '([[:alpha:]])[._/:=@-]+(?=[[:alpha:]])', '\1 ', 'g'))
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("chat", "0004_bm25_postings")]

    operations = [
        migrations.RunSQL(CREATE_LEXEMES, "DROP FUNCTION chat_lexemes(regconfig, text)"),
        migrations.RemoveIndex(model_name="chunk", name="chat_chunk_search_gin"),
        migrations.RemoveField(model_name="chunk", name="search_vector"),
        migrations.AddField(
            model_name="chunk",
            name="search_vector",
            field=models.GeneratedField(
                db_persist=True,
                expression=chat.models.fields.ChunkLexemes(),
                output_field=django.contrib.postgres.search.SearchVectorField(),
            ),
        ),
    ]
