-- The figures anew: each step is named by when it begins (reports.begin_of), and what else is said at a function.

-- Questions and what became of them. error_ratio: failed of the finished ones; refusal_ratio: answers that say that nothing was
-- found, of all answers.
CREATE OR REPLACE FUNCTION reports.turns(
    since timestamptz, until timestamptz, step_seconds integer DEFAULT 0, by text DEFAULT '', origin text DEFAULT 'USER',
    collection_id bigint DEFAULT NULL, config_id bigint DEFAULT NULL, model text DEFAULT NULL, zone text DEFAULT 'UTC')
RETURNS TABLE (at timestamptz, key text, label text,
    turns bigint,
    answers bigint,
    failed bigint,
    stopped bigint,
    interrupted bigint,
    unfinished bigint,
    conversations bigint,
    degraded bigint,
    refusals bigint,
    error_ratio double precision, error_low double precision, error_high double precision,
    refusal_ratio double precision, refusal_low double precision, refusal_high double precision)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
SET work_mem = '32MB'
AS $$
    WITH sums AS (
        SELECT reports.step_of(part.hour, turns.step_seconds, turns.zone, turns.since) AS at,
               reports.key_of(turns.by, part.collection_id, part.config_id, part.model) AS key,
               sum(part.turns)::bigint AS turns,
               sum(part.answers)::bigint AS answers,
               sum(part.failed)::bigint AS failed,
               sum(part.stopped)::bigint AS stopped,
               sum(part.interrupted)::bigint AS interrupted,
               sum(part.unfinished)::bigint AS unfinished,
               sum(part.conversations)::bigint AS conversations,
               sum(part.degraded)::bigint AS degraded,
               sum(part.refusals)::bigint AS refusals
          FROM reports.turn_parts(turns.since, turns.until, reports.grain(turns.step_seconds)) AS part
         WHERE part.origin = turns.origin
           AND (turns.collection_id IS NULL OR part.collection_id = turns.collection_id)
           AND (turns.config_id IS NULL OR part.config_id = turns.config_id)
           AND (turns.model IS NULL OR part.model = turns.model)
         GROUP BY 1, 2
    )
    SELECT reports.begin_of(coalesce(sums.at, step.at), turns.step_seconds, turns.zone),
           coalesce(sums.key, ''),
           reports.label_of(turns.by, coalesce(sums.key, '')),
           coalesce(sums.turns, 0),
           coalesce(sums.answers, 0),
           coalesce(sums.failed, 0),
           coalesce(sums.stopped, 0),
           coalesce(sums.interrupted, 0),
           coalesce(sums.unfinished, 0),
           coalesce(sums.conversations, 0),
           coalesce(sums.degraded, 0),
           coalesce(sums.refusals, 0),
           sums.failed::double precision / nullif(sums.turns - sums.unfinished, 0),
           reports.wilson_low(sums.failed, sums.turns - sums.unfinished),
           reports.wilson_high(sums.failed, sums.turns - sums.unfinished),
           sums.refusals::double precision / nullif(sums.answers, 0),
           reports.wilson_low(sums.refusals, sums.answers),
           reports.wilson_high(sums.refusals, sums.answers)
      FROM sums
      FULL JOIN reports.steps(turns.since, turns.until, turns.step_seconds, turns.zone, turns.by) AS step ON step.at = sums.at
     ORDER BY 1, 4 DESC, 2
$$;

-- How long answers and their stages take; by may be 'measure', with measure null for all.
CREATE OR REPLACE FUNCTION reports.latency(
    since timestamptz, until timestamptz, step_seconds integer DEFAULT 0, by text DEFAULT '', origin text DEFAULT 'USER',
    collection_id bigint DEFAULT NULL, config_id bigint DEFAULT NULL, model text DEFAULT NULL, zone text DEFAULT 'UTC',
    measure text DEFAULT 'total')
RETURNS TABLE (at timestamptz, key text, label text,
    n bigint, mean_seconds double precision, p50_seconds double precision, p95_seconds double precision,
    p99_seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
SET work_mem = '32MB'
AS $$
    WITH sums AS (
        SELECT reports.step_of(part.hour, latency.step_seconds, latency.zone, latency.since) AS at,
               CASE latency.by WHEN 'measure' THEN part.measure
                    ELSE reports.key_of(latency.by, part.collection_id, part.config_id, part.model) END AS key,
               sum(part.count)::bigint AS n,
               sum(part.seconds) AS seconds,
               sum(part.histogram) AS histogram
          FROM reports.latency_parts(latency.since, latency.until, reports.grain(latency.step_seconds)) AS part
         WHERE part.origin = latency.origin
           AND (latency.collection_id IS NULL OR part.collection_id = latency.collection_id)
           AND (latency.config_id IS NULL OR part.config_id = latency.config_id)
           AND (latency.model IS NULL OR part.model = latency.model)
           AND (latency.measure IS NULL OR part.measure = latency.measure)
           AND (latency.measure IS NOT NULL OR latency.by = 'measure' OR reports.refuse(format('measure is needed where by is "%s"', latency.by)) IS NULL)
         GROUP BY 1, 2
    )
    SELECT reports.begin_of(coalesce(sums.at, step.at), latency.step_seconds, latency.zone),
           coalesce(sums.key, ''),
           reports.label_of(latency.by, coalesce(sums.key, '')),
           coalesce(sums.n, 0),
           sums.seconds / nullif(sums.n, 0),
           reports.quantile(sums.histogram, 0.5),
           reports.quantile(sums.histogram, 0.95),
           reports.quantile(sums.histogram, 0.99)
      FROM sums
      FULL JOIN reports.steps(latency.since, latency.until, latency.step_seconds, latency.zone, latency.by) AS step ON step.at = sums.at
     ORDER BY 1, 4 DESC, 2
$$;

-- Calls of models with their tokens and dollars, at the time of the call. by may be 'purpose'; `model` is the call's. cost_usd is
-- the sum of the known ones, whether exact or estimated; unknown_cost_calls says how many it leaves out. It is null where that is
-- all of them.
CREATE OR REPLACE FUNCTION reports.calls(
    since timestamptz, until timestamptz, step_seconds integer DEFAULT 0, by text DEFAULT '', origin text DEFAULT 'USER',
    collection_id bigint DEFAULT NULL, config_id bigint DEFAULT NULL, model text DEFAULT NULL, zone text DEFAULT 'UTC',
    purpose text DEFAULT NULL)
RETURNS TABLE (at timestamptz, key text, label text,
    calls bigint,
    failed_calls bigint,
    attempts bigint,
    input_tokens bigint,
    cached_input_tokens bigint,
    output_tokens bigint,
    reasoning_tokens bigint,
    unknown_token_calls bigint,
    estimated_token_calls bigint,
    cost_usd numeric, exact_usd numeric, estimated_usd numeric, unknown_cost_calls bigint, duration_seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
SET work_mem = '32MB'
AS $$
    WITH sums AS (
        SELECT reports.step_of(part.hour, calls.step_seconds, calls.zone, calls.since) AS at,
               CASE calls.by WHEN 'purpose' THEN part.purpose
                    ELSE reports.key_of(calls.by, part.collection_id, part.config_id, part.model) END AS key,
               sum(part.calls)::bigint AS calls,
               sum(part.failed_calls)::bigint AS failed_calls,
               sum(part.attempts)::bigint AS attempts,
               sum(part.input_tokens)::bigint AS input_tokens,
               sum(part.cached_input_tokens)::bigint AS cached_input_tokens,
               sum(part.output_tokens)::bigint AS output_tokens,
               sum(part.reasoning_tokens)::bigint AS reasoning_tokens,
               sum(part.unknown_token_calls)::bigint AS unknown_token_calls,
               sum(part.estimated_token_calls)::bigint AS estimated_token_calls,
               sum(part.exact_usd) AS exact_usd,
               sum(part.estimated_usd) AS estimated_usd,
               sum(part.unknown_cost_calls)::bigint AS unknown_cost_calls,
               sum(part.duration_seconds) AS duration_seconds
          FROM reports.call_parts(calls.since, calls.until, reports.grain(calls.step_seconds)) AS part
         WHERE part.origin = calls.origin
           AND (calls.collection_id IS NULL OR part.collection_id = calls.collection_id)
           AND (calls.config_id IS NULL OR part.config_id = calls.config_id)
           AND (calls.model IS NULL OR part.model = calls.model)
           AND (calls.purpose IS NULL OR part.purpose = calls.purpose)
         GROUP BY 1, 2
    )
    SELECT reports.begin_of(coalesce(sums.at, step.at), calls.step_seconds, calls.zone),
           coalesce(sums.key, ''),
           reports.label_of(calls.by, coalesce(sums.key, '')),
           coalesce(sums.calls, 0),
           coalesce(sums.failed_calls, 0),
           coalesce(sums.attempts, 0),
           coalesce(sums.input_tokens, 0),
           coalesce(sums.cached_input_tokens, 0),
           coalesce(sums.output_tokens, 0),
           coalesce(sums.reasoning_tokens, 0),
           coalesce(sums.unknown_token_calls, 0),
           coalesce(sums.estimated_token_calls, 0),
           CASE WHEN sums.calls > 0 AND sums.calls = sums.unknown_cost_calls THEN NULL
                ELSE coalesce(sums.exact_usd + sums.estimated_usd, 0) END,
           coalesce(sums.exact_usd, 0),
           coalesce(sums.estimated_usd, 0),
           coalesce(sums.unknown_cost_calls, 0),
           coalesce(sums.duration_seconds, 0)
      FROM sums
      FULL JOIN reports.steps(calls.since, calls.until, calls.step_seconds, calls.zone, calls.by) AS step ON step.at = sums.at
     ORDER BY 1, 4 DESC, 2
$$;

-- What answers cost, at the time of the question. cost_usd, usd_per_answer: of the answers whose cost is known, null where that is
-- none of them; usd_per_up: null as long as one cost is unknown.
CREATE OR REPLACE FUNCTION reports.answer_cost(
    since timestamptz, until timestamptz, step_seconds integer DEFAULT 0, by text DEFAULT '', origin text DEFAULT 'USER',
    collection_id bigint DEFAULT NULL, config_id bigint DEFAULT NULL, model text DEFAULT NULL, zone text DEFAULT 'UTC')
RETURNS TABLE (at timestamptz, key text, label text,
    answers bigint, known bigint, cost_usd numeric,
    usd_per_answer double precision, usd_per_answer_low double precision, usd_per_answer_high double precision,
    up bigint, usd_per_up double precision)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
SET work_mem = '32MB'
AS $$
    WITH answered AS (
        SELECT reports.step_of(part.hour, answer_cost.step_seconds, answer_cost.zone, answer_cost.since) AS at,
               reports.key_of(answer_cost.by, part.collection_id, part.config_id, part.model) AS key,
               sum(part.answers)::bigint AS answers,
               sum(part.known_costs)::bigint AS known_costs,
               sum(part.cost_usd) AS cost_usd,
               sum(part.cost_squares) AS cost_squares
          FROM reports.turn_parts(answer_cost.since, answer_cost.until, reports.grain(answer_cost.step_seconds)) AS part
         WHERE part.origin = answer_cost.origin
           AND (answer_cost.collection_id IS NULL OR part.collection_id = answer_cost.collection_id)
           AND (answer_cost.config_id IS NULL OR part.config_id = answer_cost.config_id)
           AND (answer_cost.model IS NULL OR part.model = answer_cost.model)
         GROUP BY 1, 2
    ),
    voted AS (
        SELECT reports.step_of(part.hour, answer_cost.step_seconds, answer_cost.zone, answer_cost.since) AS at,
               reports.key_of(answer_cost.by, part.collection_id, part.config_id, part.model) AS key,
               sum(part.up)::bigint AS up
          FROM reports.feedback_parts(answer_cost.since, answer_cost.until, reports.grain(answer_cost.step_seconds)) AS part
         WHERE part.origin = answer_cost.origin
           AND (answer_cost.collection_id IS NULL OR part.collection_id = answer_cost.collection_id)
           AND (answer_cost.config_id IS NULL OR part.config_id = answer_cost.config_id)
           AND (answer_cost.model IS NULL OR part.model = answer_cost.model)
         GROUP BY 1, 2
    )
    SELECT reports.begin_of(coalesce(answered.at, step.at), answer_cost.step_seconds, answer_cost.zone),
           coalesce(answered.key, ''),
           reports.label_of(answer_cost.by, coalesce(answered.key, '')),
           coalesce(answered.answers, 0),
           coalesce(answered.known_costs, 0),
           CASE WHEN answered.answers > 0 AND answered.known_costs = 0 THEN NULL ELSE coalesce(answered.cost_usd, 0) END,
           mean.usd,
           CASE WHEN mean.margin IS NOT NULL THEN greatest(mean.usd - mean.margin, 0) END,
           mean.usd + mean.margin,
           coalesce(voted.up, 0),
           CASE WHEN answered.known_costs = answered.answers
                THEN (answered.cost_usd / nullif(voted.up, 0))::double precision END
      FROM answered
      LEFT JOIN voted ON voted.at = answered.at AND voted.key = answered.key
      FULL JOIN reports.steps(answer_cost.since, answer_cost.until, answer_cost.step_seconds, answer_cost.zone, answer_cost.by) AS step ON step.at = answered.at
     CROSS JOIN LATERAL (
           SELECT (answered.cost_usd / nullif(answered.known_costs, 0))::double precision AS usd,
                  reports.margin(answered.known_costs, answered.cost_usd::double precision, answered.cost_squares) AS margin
           ) AS mean
     ORDER BY 1, 4 DESC, 2
$$;

-- What users say of answers, at the time of the question. up_ratio: of all votes; coverage_ratio: answers with a vote, of all answers.
CREATE OR REPLACE FUNCTION reports.feedback(
    since timestamptz, until timestamptz, step_seconds integer DEFAULT 0, by text DEFAULT '', origin text DEFAULT 'USER',
    collection_id bigint DEFAULT NULL, config_id bigint DEFAULT NULL, model text DEFAULT NULL, zone text DEFAULT 'UTC')
RETURNS TABLE (at timestamptz, key text, label text,
    answers bigint,
    up bigint,
    down bigint,
    rated bigint,
    comments bigint,
    copies bigint,
    regenerated bigint,
    up_ratio double precision, up_low double precision, up_high double precision,
    coverage_ratio double precision, coverage_low double precision, coverage_high double precision)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
SET work_mem = '32MB'
AS $$
    WITH answered AS (
        SELECT reports.step_of(part.hour, feedback.step_seconds, feedback.zone, feedback.since) AS at,
               reports.key_of(feedback.by, part.collection_id, part.config_id, part.model) AS key,
               sum(part.answers)::bigint AS answers
          FROM reports.turn_parts(feedback.since, feedback.until, reports.grain(feedback.step_seconds)) AS part
         WHERE part.origin = feedback.origin
           AND (feedback.collection_id IS NULL OR part.collection_id = feedback.collection_id)
           AND (feedback.config_id IS NULL OR part.config_id = feedback.config_id)
           AND (feedback.model IS NULL OR part.model = feedback.model)
         GROUP BY 1, 2
    ),
    voted AS (
        SELECT reports.step_of(part.hour, feedback.step_seconds, feedback.zone, feedback.since) AS at,
               reports.key_of(feedback.by, part.collection_id, part.config_id, part.model) AS key,
               sum(part.up)::bigint AS up,
               sum(part.down)::bigint AS down,
               sum(part.rated)::bigint AS rated,
               sum(part.rated_answers)::bigint AS rated_answers,
               sum(part.comments)::bigint AS comments,
               sum(part.copies)::bigint AS copies,
               sum(part.regenerated)::bigint AS regenerated
          FROM reports.feedback_parts(feedback.since, feedback.until, reports.grain(feedback.step_seconds)) AS part
         WHERE part.origin = feedback.origin
           AND (feedback.collection_id IS NULL OR part.collection_id = feedback.collection_id)
           AND (feedback.config_id IS NULL OR part.config_id = feedback.config_id)
           AND (feedback.model IS NULL OR part.model = feedback.model)
         GROUP BY 1, 2
    )
    SELECT reports.begin_of(coalesce(answered.at, step.at), feedback.step_seconds, feedback.zone),
           coalesce(answered.key, ''),
           reports.label_of(feedback.by, coalesce(answered.key, '')),
           coalesce(answered.answers, 0),
           coalesce(voted.up, 0),
           coalesce(voted.down, 0),
           coalesce(voted.rated, 0),
           coalesce(voted.comments, 0),
           coalesce(voted.copies, 0),
           coalesce(voted.regenerated, 0),
           voted.up::double precision / nullif(voted.up + voted.down, 0),
           reports.wilson_low(voted.up, voted.up + voted.down),
           reports.wilson_high(voted.up, voted.up + voted.down),
           coalesce(voted.rated_answers, 0)::double precision / nullif(answered.answers, 0),
           reports.wilson_low(coalesce(voted.rated_answers, 0), answered.answers),
           reports.wilson_high(coalesce(voted.rated_answers, 0), answered.answers)
      FROM answered
      LEFT JOIN voted ON voted.at = answered.at AND voted.key = answered.key
      FULL JOIN reports.steps(feedback.since, feedback.until, feedback.step_seconds, feedback.zone, feedback.by) AS step ON step.at = answered.at
     ORDER BY 1, 4 DESC, 2
$$;

-- What searches find and answers cite. empty_ratio: searches without a hit; mean_top_similarity: of the searches whose best hit has
-- one, similarity_count; cited_ratio: answers that cite, of all answers.
DROP FUNCTION IF EXISTS reports.retrieval;
CREATE FUNCTION reports.retrieval(
    since timestamptz, until timestamptz, step_seconds integer DEFAULT 0, by text DEFAULT '', origin text DEFAULT 'USER',
    collection_id bigint DEFAULT NULL, config_id bigint DEFAULT NULL, model text DEFAULT NULL, zone text DEFAULT 'UTC')
RETURNS TABLE (at timestamptz, key text, label text,
    answers bigint, searched bigint, hits bigint, empty bigint,
    empty_ratio double precision, empty_low double precision, empty_high double precision,
    similarity_count bigint, mean_top_similarity double precision,
    cited bigint, cited_ratio double precision, cited_low double precision, cited_high double precision,
    citations bigint, removed_citations bigint)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
SET work_mem = '32MB'
AS $$
    WITH sums AS (
        SELECT reports.step_of(part.hour, retrieval.step_seconds, retrieval.zone, retrieval.since) AS at,
               reports.key_of(retrieval.by, part.collection_id, part.config_id, part.model) AS key,
               sum(part.answers)::bigint AS answers,
               sum(part.searched)::bigint AS searched,
               sum(part.hits)::bigint AS hits,
               sum(part.empty)::bigint AS empty,
               sum(part.similarity_count)::bigint AS similarity_count,
               sum(part.cited)::bigint AS cited,
               sum(part.citations)::bigint AS citations,
               sum(part.removed_citations)::bigint AS removed_citations,
               sum(part.similarity_sum) AS similarity_sum
          FROM reports.turn_parts(retrieval.since, retrieval.until, reports.grain(retrieval.step_seconds)) AS part
         WHERE part.origin = retrieval.origin
           AND (retrieval.collection_id IS NULL OR part.collection_id = retrieval.collection_id)
           AND (retrieval.config_id IS NULL OR part.config_id = retrieval.config_id)
           AND (retrieval.model IS NULL OR part.model = retrieval.model)
         GROUP BY 1, 2
    )
    SELECT reports.begin_of(coalesce(sums.at, step.at), retrieval.step_seconds, retrieval.zone),
           coalesce(sums.key, ''),
           reports.label_of(retrieval.by, coalesce(sums.key, '')),
           coalesce(sums.answers, 0),
           coalesce(sums.searched, 0),
           coalesce(sums.hits, 0),
           coalesce(sums.empty, 0),
           sums.empty::double precision / nullif(sums.searched, 0),
           reports.wilson_low(sums.empty, sums.searched),
           reports.wilson_high(sums.empty, sums.searched),
           coalesce(sums.similarity_count, 0),
           sums.similarity_sum / nullif(sums.similarity_count, 0),
           coalesce(sums.cited, 0),
           sums.cited::double precision / nullif(sums.answers, 0),
           reports.wilson_low(sums.cited, sums.answers),
           reports.wilson_high(sums.cited, sums.answers),
           coalesce(sums.citations, 0),
           coalesce(sums.removed_citations, 0)
      FROM sums
      FULL JOIN reports.steps(retrieval.since, retrieval.until, retrieval.step_seconds, retrieval.zone, retrieval.by) AS step ON step.at = sums.at
     ORDER BY 1, 4 DESC, 2
$$;

-- Verdicts, one row a criterion and version of a judge (or other source), at the time of the question. by may be 'label' or 'bin'
-- (tenths of the scale, '0' to '9'). failing: labels that say that something is wrong; null where a criterion has none.
-- corrected: what would fail if the judge never erred, by Rogan and Gladen, with the interval of Lang and Reiczigel
-- (Confidence limits for prevalence of disease adjusted for estimated sensitivity and specificity, 2014); null where people
-- labelled too little, or the judge is no better than chance.
CREATE OR REPLACE FUNCTION reports.scores(
    since timestamptz, until timestamptz, step_seconds integer DEFAULT 0, by text DEFAULT '', origin text DEFAULT 'USER',
    collection_id bigint DEFAULT NULL, config_id bigint DEFAULT NULL, model text DEFAULT NULL, zone text DEFAULT 'UTC',
    name text DEFAULT NULL, source text DEFAULT 'JUDGE')
RETURNS TABLE (at timestamptz, key text, label text,
    name text, source text, judge text, judge_version_id bigint, is_proven boolean,
    scored bigint, unscored bigint, mean double precision, mean_low double precision, mean_high double precision,
    failing bigint, failing_ratio double precision, failing_low double precision, failing_high double precision,
    corrected_ratio double precision, corrected_low double precision, corrected_high double precision)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
SET work_mem = '32MB'
AS $$
    WITH sums AS (
        SELECT reports.step_of(part.hour, $3, $9, $1) AS at,
               CASE $4 WHEN 'label' THEN part.label
                       WHEN 'bin' THEN part.bin::text
                       ELSE reports.key_of($4, part.collection_id, part.config_id, part.model) END AS key,
               part.name,
               part.source,
               part.judge_version_id,
               coalesce(sum(part.scores) FILTER (WHERE part.bin >= 0), 0)::bigint AS scored,
               coalesce(sum(part.scores) FILTER (WHERE part.bin < 0), 0)::bigint AS unscored,
               sum(part.value_sum) AS value_sum,
               sum(part.value_squares) AS value_squares,
               coalesce(sum(part.scores) FILTER (WHERE part.bin >= 0 AND failing.label IS NOT NULL), 0)::bigint AS failing
          FROM reports.score_parts($1, $2, reports.grain($3)) AS part
          LEFT JOIN reports.failing_label AS failing ON failing.name = part.name AND failing.label = part.label
         WHERE part.origin = $5
           AND ($6 IS NULL OR part.collection_id = $6)
           AND ($7 IS NULL OR part.config_id = $7)
           AND ($8 IS NULL OR part.model = $8)
           AND ($10 IS NULL OR part.name = $10)
           AND ($11 IS NULL OR part.source = $11)
         GROUP BY 1, 2, 3, 4, 5
    )
    SELECT reports.begin_of(sums.at, $3, $9),
           sums.key,
           reports.label_of($4, sums.key),
           sums.name,
           sums.source,
           coalesce(version.judge, ''),
           sums.judge_version_id,
           version.is_proven,
           sums.scored,
           sums.unscored,
           mean.value,
           CASE WHEN mean.margin IS NOT NULL THEN greatest(mean.value - mean.margin, 0) END,
           CASE WHEN mean.margin IS NOT NULL THEN least(mean.value + mean.margin, 1) END,
           rate.failing,
           rate.failing::double precision / nullif(sums.scored, 0),
           reports.wilson_low(rate.failing, sums.scored),
           reports.wilson_high(rate.failing, sums.scored),
           corrected.ratio,
           corrected.low,
           corrected.high
      FROM sums
      LEFT JOIN reports.judge_version AS version USING (judge_version_id)
      LEFT JOIN reports.judge_error AS error
        ON error.judge_version_id = sums.judge_version_id AND error.is_synthetic = ($5 = 'SYNTHETIC')
     CROSS JOIN LATERAL (
           SELECT sums.value_sum / nullif(sums.scored, 0) AS value,
                  reports.margin(sums.scored, sums.value_sum, sums.value_squares) AS margin
           ) AS mean
     CROSS JOIN LATERAL (
           SELECT CASE WHEN EXISTS (SELECT FROM reports.failing_label WHERE failing_label.name = sums.name)
                       THEN sums.failing END AS failing
           ) AS rate
      LEFT JOIN LATERAL reports.corrected(rate.failing, sums.scored, error.sensitivity, error.specificity,
                                          error.failing_labels, error.other_labels) AS corrected ON $4 NOT IN ('label', 'bin')
     ORDER BY 1, 4, 5, 6, 7 DESC, 2
$$;

-- Work of reviewers: flags raised (by reason where by is 'reason'), and items that were resolved or dismissed, each at its time.
CREATE OR REPLACE FUNCTION reports.reviews(
    since timestamptz, until timestamptz, step_seconds integer DEFAULT 0, by text DEFAULT '', origin text DEFAULT 'USER',
    collection_id bigint DEFAULT NULL, config_id bigint DEFAULT NULL, model text DEFAULT NULL, zone text DEFAULT 'UTC')
RETURNS TABLE (at timestamptz, key text, label text, flagged bigint, resolved bigint, dismissed bigint)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
    WITH flags AS (
        SELECT flag.created_at AS moment,
               CASE $4 WHEN 'reason' THEN flag.reason::text
                       ELSE reports.key_of($4, turn.collection_id, turn.config_id, turn.model) END AS key
          FROM monitoring_flag AS flag
          JOIN reports.turn AS turn ON turn.turn_id = flag.turn_id
         WHERE flag.created_at >= $1 AND flag.created_at < $2
           AND turn.origin = $5
           AND ($6 IS NULL OR turn.collection_id = $6)
           AND ($7 IS NULL OR turn.config_id = $7)
           AND ($8 IS NULL OR turn.model = $8)
    ), ended AS ( -- an item is a conversation: it counts where none of its turns is singled out
        SELECT item.resolved_at AS moment, item.status::text AS status
          FROM monitoring_reviewitem AS item
          JOIN chat_conversation AS conversation ON conversation.id = item.conversation_id
         WHERE item.resolved_at >= $1 AND item.resolved_at < $2
           AND conversation.origin = $5
           AND $4 = '' AND $6 IS NULL AND $7 IS NULL AND $8 IS NULL
    ), counted AS (
        SELECT reports.step_of(moment, $3, $9, $1) AS at, key, count(*) AS flagged, 0 AS resolved, 0 AS dismissed
          FROM flags GROUP BY 1, 2
         UNION ALL
        SELECT reports.step_of(moment, $3, $9, $1), '', 0, count(*) FILTER (WHERE status = 'RESOLVED'),
               count(*) FILTER (WHERE status = 'DISMISSED')
          FROM ended GROUP BY 1
         UNION ALL
        SELECT step.at, '', 0, 0, 0 FROM reports.steps($1, $2, $3, $9, $4) AS step
    )
    SELECT reports.begin_of(at, $3, $9), key, reports.label_of($4, key), sum(flagged)::bigint, sum(resolved)::bigint, sum(dismissed)::bigint
      FROM counted
     GROUP BY at, key
     ORDER BY 1, 4 DESC, 2
$$;

-- It was dropped and made anew, so that everybody might execute it, and lost the reader's right.
REVOKE ALL ON FUNCTION reports.retrieval FROM PUBLIC;
SELECT reports.grant_reader();
