-- As before, but that vote_ratio counts votes on answers alone, as coverage does.
--
-- KPIs: what is counted of each unit (a user or a conversation), as a numerator x and a denominator y. A figure is sum(x) / sum(y).
-- The words "answer", "failed", "refusal" and "failing" are those of the facts, so that the sums over the turns of a config are
-- the figures of the reports. Units without anything to count are left out.
--
-- Either of an experiment: units that met a variant and are not pinned; their turns of that variant's config from then on until it
-- stopped, of the experiment's origin and collections. Or, where experiment_id is null, of all traffic of an origin since `since`
-- (all configs where config_id is null; all collections where collection_ids is null). Conversations whose user chose a config are
-- left out of both. Verdicts count of one version of a judge for each criterion: the one with the most.
CREATE OR REPLACE FUNCTION reports.kpi_units(
    experiment_id bigint,
    until timestamptz,
    since timestamptz DEFAULT NULL,
    unit text DEFAULT 'USER',
    origin text DEFAULT 'USER',
    collection_ids bigint[] DEFAULT NULL,
    config_id bigint DEFAULT NULL)
RETURNS TABLE (variant_id bigint, unit_key text, kpi text, judge_version_id bigint, x double precision, y double precision)
LANGUAGE sql STABLE -- nothing else, so that it is planned as a part of the query that asks
AS $$
    WITH experiment AS MATERIALIZED (
        SELECT experiment.unit,
               experiment.origin,
               least(experiment.stopped_at, $2) AS ends_at, -- least() leaves out null
               (SELECT array_agg(chosen.collection_id) FROM monitoring_experiment_collections AS chosen
                 WHERE chosen.experiment_id = $1) AS collection_ids
          FROM reports.experiment AS experiment
         WHERE experiment.experiment_id = $1
    ), met AS MATERIALIZED (
        SELECT exposure.variant_id, variant.config_id, exposure.user_id, exposure.conversation_id, exposure.exposed_at
          FROM reports.exposure AS exposure
          JOIN reports.variant AS variant ON variant.variant_id = exposure.variant_id
         WHERE exposure.experiment_id = $1
           AND exposure.exposed_at < $2
           AND NOT exposure.is_pinned
    ), place AS ( -- the conversations of each unit; which of the two, is known before the rows are read
        SELECT met.variant_id, met.config_id, met.exposed_at, conversation.id AS conversation_id, met.user_id::text AS unit_key
          FROM met
          JOIN chat_conversation AS conversation ON conversation.user_id = met.user_id
         WHERE (SELECT unit FROM experiment) = 'USER'
           AND conversation.config_id IS NULL
         UNION ALL
        SELECT met.variant_id, met.config_id, met.exposed_at, conversation.id, conversation.id::text
          FROM met
          JOIN chat_conversation AS conversation ON conversation.id = met.conversation_id
         WHERE (SELECT unit FROM experiment) = 'CONVERSATION'
           AND conversation.config_id IS NULL
    ), counted AS MATERIALIZED (
        SELECT place.variant_id,
               place.unit_key,
               turn.turn_id,
               turn.conversation_id,
               turn.is_answer,
               turn.is_failed,
               turn.is_unfinished,
               turn.is_refusal,
               turn.first_token_seconds,
               turn.total_seconds,
               turn.cost_usd
          FROM place
          JOIN reports.turn AS turn ON turn.conversation_id = place.conversation_id
         WHERE turn.config_id = place.config_id
           AND turn.origin = (SELECT origin FROM experiment)
           AND turn.created_at >= place.exposed_at
           AND turn.created_at < (SELECT ends_at FROM experiment)
           AND ((SELECT collection_ids FROM experiment) IS NULL
                OR turn.collection_id = ANY ((SELECT collection_ids FROM experiment)::bigint[]))
         UNION ALL
        SELECT 0,
               CASE $4 WHEN 'USER' THEN conversation.user_id::text ELSE conversation.id::text END,
               turn.turn_id,
               turn.conversation_id,
               turn.is_answer,
               turn.is_failed,
               turn.is_unfinished,
               turn.is_refusal,
               turn.first_token_seconds,
               turn.total_seconds,
               turn.cost_usd
          FROM reports.turn AS turn
          JOIN chat_conversation AS conversation ON conversation.id = turn.conversation_id
         WHERE $1 IS NULL
           AND turn.created_at >= $3
           AND turn.created_at < $2
           AND turn.origin = $5
           AND ($6 IS NULL OR turn.collection_id = ANY ($6))
           AND ($7 IS NULL OR turn.config_id = $7)
           AND conversation.config_id IS NULL
           AND ($4 <> 'USER' OR conversation.user_id IS NOT NULL)
    ), parts AS ( -- of each unit, to be added up: a join of what is said with what was asked would be planned for few units
        SELECT counted.variant_id,
               counted.unit_key,
               1 AS conversations,
               count(*) FILTER (WHERE is_answer) AS answers,
               count(*) FILTER (WHERE is_failed) AS failed,
               count(*) FILTER (WHERE NOT is_unfinished) AS finished,
               count(*) FILTER (WHERE is_refusal) AS refusals,
               count(first_token_seconds) AS first_tokens,
               sum(first_token_seconds) AS first_token_seconds,
               count(total_seconds) AS totals,
               sum(total_seconds) AS total_seconds,
               count(cost_usd) FILTER (WHERE is_answer) AS known_costs,
               sum(cost_usd) FILTER (WHERE is_answer)::double precision AS cost_usd,
               0 AS votes,
               0 AS up,
               0 AS rated,
               0 AS asked_again
          FROM counted
         GROUP BY counted.variant_id, counted.unit_key, counted.conversation_id
         UNION ALL
        SELECT counted.variant_id, counted.unit_key, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
               count(*),
               count(*) FILTER (WHERE feedback.value = 1),
               count(DISTINCT feedback.turn_id) FILTER (WHERE counted.is_answer),
               0
          FROM counted
          JOIN chat_feedback AS feedback ON feedback.turn_id = counted.turn_id
         GROUP BY counted.variant_id, counted.unit_key
         UNION ALL
        SELECT counted.variant_id, counted.unit_key, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
               count(DISTINCT signal.turn_id)
          FROM counted
          JOIN chat_implicitsignal AS signal ON signal.turn_id = counted.turn_id
         WHERE signal.kind IN ('REGENERATE', 'EDIT')
           AND counted.is_answer
         GROUP BY counted.variant_id, counted.unit_key
    ), asked AS (
        SELECT variant_id,
               unit_key,
               sum(conversations) AS conversations,
               sum(answers) AS answers,
               sum(failed) AS failed,
               sum(finished) AS finished,
               sum(refusals) AS refusals,
               sum(first_tokens) AS first_tokens,
               sum(first_token_seconds) AS first_token_seconds,
               sum(totals) AS totals,
               sum(total_seconds) AS total_seconds,
               sum(known_costs) AS known_costs,
               sum(cost_usd) AS cost_usd,
               sum(votes) AS votes,
               sum(up) AS up,
               sum(rated) AS rated,
               sum(asked_again) AS asked_again
          FROM parts
         GROUP BY variant_id, unit_key
    ), judged AS MATERIALIZED (
        SELECT counted.variant_id,
               counted.unit_key,
               score.name::text AS name,
               score.judge_version_id,
               count(*) AS scored,
               count(*) FILTER (WHERE failing.label IS NOT NULL) AS failing,
               sum(score.value) AS value_sum
          FROM counted
          JOIN monitoring_score AS score ON score.turn_id = counted.turn_id
          LEFT JOIN reports.failing_label AS failing ON failing.name = score.name AND failing.label = score.label
         WHERE score.source = 'JUDGE'
           AND score.name IN ('groundedness', 'relevance', 'question_toxicity')
           AND score.value IS NOT NULL
         GROUP BY counted.variant_id, counted.unit_key, score.name, score.judge_version_id
    ), chosen AS (
        SELECT DISTINCT ON (judged.name) judged.name, judged.judge_version_id
          FROM judged
         GROUP BY judged.name, judged.judge_version_id
         ORDER BY judged.name, sum(judged.scored) DESC, judged.judge_version_id DESC
    ), both_of AS (
        SELECT asked.variant_id, asked.unit_key, of_unit.kpi, 0::bigint AS judge_version_id, of_unit.x, of_unit.y
          FROM asked
         CROSS JOIN LATERAL (
               VALUES ('up_ratio', asked.up, asked.votes),
                      ('vote_ratio', asked.rated, asked.answers),
                      ('refusal_ratio', asked.refusals, asked.answers),
                      ('again_ratio', asked.asked_again, asked.answers),
                      ('first_token_seconds', asked.first_token_seconds, asked.first_tokens),
                      ('total_seconds', asked.total_seconds, asked.totals),
                      ('usd_per_answer', asked.cost_usd, asked.known_costs),
                      ('answers_per_conversation', asked.answers, asked.conversations),
                      ('error_ratio', asked.failed, asked.finished)) AS of_unit (kpi, x, y)
         UNION ALL
        SELECT judged.variant_id, judged.unit_key, of_unit.kpi, judged.judge_version_id, of_unit.x, of_unit.y
          FROM judged
          JOIN chosen ON chosen.name = judged.name AND chosen.judge_version_id = judged.judge_version_id
         CROSS JOIN LATERAL (
               VALUES ('groundedness', 'groundedness', judged.value_sum, judged.scored),
                      ('groundedness', 'groundedness_failing', judged.failing, judged.scored),
                      ('relevance', 'relevance', judged.value_sum, judged.scored),
                      ('relevance', 'relevance_failing', judged.failing, judged.scored),
                      ('question_toxicity', 'toxic_ratio', judged.failing, judged.scored)) AS of_unit (name, kpi, x, y)
         WHERE of_unit.name = judged.name
    )
    SELECT both_of.variant_id, both_of.unit_key, both_of.kpi, both_of.judge_version_id, both_of.x::double precision, both_of.y::double precision
      FROM both_of
     WHERE both_of.y > 0
$$;
