-- The rows of the roll-ups, made of facts: at `grain` of an hour they are what is stored, at less what short steps need.
CREATE FUNCTION reports.turn_rows(since timestamptz, until timestamptz, grain interval)
RETURNS SETOF reports.turn_hour
LANGUAGE sql STABLE
AS $$
    SELECT date_bin(grain, created_at, 'epoch'),
           origin,
           collection_id,
           config_id,
           model,
           count(*),
           count(*) FILTER (WHERE is_answer),
           count(*) FILTER (WHERE is_failed),
           count(*) FILTER (WHERE status = 'STOPPED'),
           count(*) FILTER (WHERE status = 'INTERRUPTED'),
           count(*) FILTER (WHERE is_unfinished),
           count(*) FILTER (WHERE begins_conversation),
           count(*) FILTER (WHERE is_degraded),
           count(*) FILTER (WHERE is_refusal),
           count(hit_count),
           coalesce(sum(hit_count), 0),
           count(*) FILTER (WHERE hit_count = 0),
           count(top_similarity),
           coalesce(sum(top_similarity), 0),
           count(*) FILTER (WHERE is_answer AND cited_count > 0),
           coalesce(sum(cited_count), 0),
           coalesce(sum(removed_citations), 0),
           count(cost_usd) FILTER (WHERE is_answer),
           coalesce(sum(cost_usd) FILTER (WHERE is_answer), 0),
           coalesce(sum(cost_usd::double precision ^ 2) FILTER (WHERE is_answer), 0)
      FROM reports.turn
     WHERE created_at >= since
       AND created_at < until
     GROUP BY 1, 2, 3, 4, 5
$$;

-- Buckets of latency grow by a tenth each, from 0.1 ms to 1000 s: the middle of one is at most 4.8 % from any value in it.
-- Less and more counts as the ends. A bucket is a unit vector, so that pgvector's sum makes the histogram.
CREATE TABLE reports.latency_bucket (
    bucket integer PRIMARY KEY,
    seconds double precision NOT NULL, -- what a value in it is taken for
    unit vector(170) NOT NULL
);
INSERT INTO reports.latency_bucket (bucket, seconds, unit)
SELECT bucket,
       0.0001 * 1.1 ^ bucket * 2 / 2.1,
       array_fill(0::real, ARRAY[bucket - 1]) || 1::real || array_fill(0::real, ARRAY[170 - bucket])
  FROM generate_series(1, 170) AS bucket;

CREATE FUNCTION reports.bucket_of(seconds double precision)
RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT least(greatest(ceil(ln(greatest(seconds, 0.0001) / 0.0001) / ln(1.1::double precision))::integer, 1), 170)
$$;

CREATE FUNCTION reports.latency_rows(since timestamptz, until timestamptz, grain interval)
RETURNS SETOF reports.latency_hour
LANGUAGE sql STABLE
AS $$
    SELECT date_bin(grain, created_at, 'epoch'),
           origin,
           collection_id,
           config_id,
           model,
           stage.measure,
           count(*),
           sum(stage.seconds),
           sum(bucket.unit)
      FROM reports.turn
     CROSS JOIN LATERAL (
           VALUES ('total', total_seconds),
                  ('first_token', first_token_seconds),
                  ('rewrite', rewrite_seconds),
                  ('expand', expand_seconds),
                  ('embed', embed_seconds),
                  ('search', search_seconds),
                  ('rerank', rerank_seconds),
                  ('context', context_seconds)) AS stage (measure, seconds)
      JOIN reports.latency_bucket AS bucket ON bucket.bucket = reports.bucket_of(stage.seconds)
     WHERE created_at >= since
       AND created_at < until
       AND stage.seconds IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5, 6
$$;

CREATE FUNCTION reports.feedback_rows(since timestamptz, until timestamptz, grain interval)
RETURNS SETOF reports.feedback_hour
LANGUAGE sql STABLE
AS $$
    SELECT date_bin(grain, asked_at, 'epoch'),
           origin,
           collection_id,
           config_id,
           model,
           count(*) FILTER (WHERE value = 1),
           count(*) FILTER (WHERE value = -1),
           count(DISTINCT turn_id) FILTER (WHERE value IS NOT NULL),
           count(*) FILTER (WHERE has_comment),
           count(*) FILTER (WHERE kind = 'COPY'),
           count(*) FILTER (WHERE kind = 'REGENERATE')
      FROM (SELECT asked_at, origin, collection_id, config_id, model, turn_id, value, has_comment, NULL AS kind
              FROM reports.feedback
             WHERE asked_at >= since AND asked_at < until
             UNION ALL
            SELECT asked_at, origin, collection_id, config_id, model, turn_id, NULL, NULL, kind
              FROM reports.signal
             WHERE asked_at >= since AND asked_at < until) AS said
     GROUP BY 1, 2, 3, 4, 5
$$;

CREATE FUNCTION reports.score_rows(since timestamptz, until timestamptz, grain interval)
RETURNS SETOF reports.score_hour
LANGUAGE sql STABLE
AS $$
    SELECT date_bin(grain, asked_at, 'epoch'),
           origin,
           collection_id,
           config_id,
           model,
           name,
           source,
           judge_version_id,
           label,
           CASE WHEN value IS NULL THEN -1 ELSE least(floor(value * 10), 9) END::smallint,
           count(*),
           coalesce(sum(value), 0),
           coalesce(sum(value ^ 2), 0)
      FROM reports.score
     WHERE asked_at >= since
       AND asked_at < until
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
$$;

CREATE FUNCTION reports.call_rows(since timestamptz, until timestamptz, grain interval)
RETURNS SETOF reports.call_hour
LANGUAGE sql STABLE
AS $$
    SELECT date_bin(grain, called_at, 'epoch'),
           origin,
           collection_id,
           config_id,
           model,
           purpose,
           count(*),
           count(*) FILTER (WHERE error_code <> ''),
           sum(attempts),
           coalesce(sum(input_tokens), 0),
           coalesce(sum(cached_input_tokens), 0),
           coalesce(sum(output_tokens), 0),
           coalesce(sum(reasoning_tokens), 0),
           count(*) FILTER (WHERE input_tokens IS NULL OR output_tokens IS NULL),
           count(*) FILTER (WHERE tokens_estimated),
           coalesce(sum(cost_usd) FILTER (WHERE certainty = 'exact'), 0),
           coalesce(sum(cost_usd) FILTER (WHERE certainty = 'estimated'), 0),
           count(*) FILTER (WHERE certainty = 'unknown'),
           sum(duration_seconds)
      FROM reports.call
     WHERE called_at >= since
       AND called_at < until
     GROUP BY 1, 2, 3, 4, 5, 6
$$;

-- How a range is read: whole days (without steps) and hours from the roll-ups unless they changed since; the ends of the range, changed hours, and
-- all of it where steps are shorter than an hour, from the facts. `SET ragsite.reports = 'raw'` reads facts only: for
-- tests and benchmarks.
CREATE FUNCTION reports.is_raw(grain interval)
RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT grain < interval '1 hour' OR coalesce(current_setting('ragsite.reports', true), '') = 'raw'
$$;

CREATE FUNCTION reports.first_hour(since timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT date_bin('1 hour', since + interval '1 hour' - interval '1 microsecond', 'epoch')
$$;

CREATE FUNCTION reports.last_hour(until timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT date_bin('1 hour', until, 'epoch')
$$;

CREATE FUNCTION reports.pieces(of text, since timestamptz, until timestamptz, grain interval)
RETURNS TABLE (begins_at timestamptz, ends_at timestamptz)
LANGUAGE plpgsql STABLE ROWS 3
AS $$
DECLARE
    first timestamptz := reports.first_hour(since);
    last timestamptz := reports.last_hour(until);
BEGIN
    IF reports.is_raw(grain) OR since >= until THEN
        RETURN;
    END IF;
    IF first >= last THEN -- no hour is whole
        RETURN QUERY VALUES (since, until);
        RETURN;
    END IF;
    RETURN QUERY SELECT since, first WHERE since < first
                  UNION ALL
                 SELECT last, until WHERE last < until
                  UNION ALL
                 SELECT changed.hour, changed.hour + interval '1 hour'
                   FROM (SELECT DISTINCT change.hour FROM reports.change
                          WHERE change.kind = of AND change.hour >= first AND change.hour < last) AS changed;
END
$$;

CREATE FUNCTION reports.first_day(since timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT date_bin('1 day', since + interval '1 day' - interval '1 microsecond', 'epoch')
$$;

CREATE FUNCTION reports.last_day(until timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT date_bin('1 day', until, 'epoch')
$$;

-- The whole hours of a range that no day stands for: before its first and after its last whole day, and in days that changed.
CREATE FUNCTION reports.hour_pieces(of text, since timestamptz, until timestamptz)
RETURNS TABLE (begins_at timestamptz, ends_at timestamptz)
LANGUAGE plpgsql STABLE ROWS 3
AS $$
DECLARE
    first timestamptz := reports.first_hour(since);
    last timestamptz := reports.last_hour(until);
    first_day timestamptz := reports.first_day(since);
    last_day timestamptz := reports.last_day(until);
BEGIN
    IF first_day >= last_day THEN
        RETURN QUERY SELECT first, last WHERE first < last;
        RETURN;
    END IF;
    RETURN QUERY SELECT first, first_day WHERE first < first_day
                  UNION ALL
                 SELECT last_day, last WHERE last_day < last
                  UNION ALL
                 SELECT changed.day, changed.day + interval '1 day'
                   FROM (SELECT DISTINCT date_bin('1 day', change.hour, 'epoch') AS day FROM reports.change
                          WHERE change.kind = of AND change.hour >= first_day AND change.hour < last_day) AS changed;
END
$$;

CREATE FUNCTION reports.turn_parts(since timestamptz, until timestamptz, grain interval)
RETURNS SETOF reports.turn_hour
LANGUAGE sql STABLE
AS $$
    SELECT rollup.*
      FROM reports.turn_day AS rollup
     WHERE grain >= interval '1 day'
       AND NOT reports.is_raw(grain)
       AND rollup.hour >= reports.first_day(since)
       AND rollup.hour < reports.last_day(until)
       AND rollup.hour NOT IN (SELECT date_bin('1 day', change.hour, 'epoch') FROM reports.change WHERE change.kind = 'turn')
     UNION ALL
    SELECT rollup.*
      FROM reports.hour_pieces('turn', since, until) AS piece
      JOIN reports.turn_hour AS rollup ON rollup.hour >= piece.begins_at AND rollup.hour < piece.ends_at
     WHERE grain >= interval '1 day'
       AND NOT reports.is_raw(grain)
       AND NOT EXISTS (SELECT FROM reports.change WHERE change.kind = 'turn' AND change.hour = rollup.hour)
     UNION ALL
    SELECT rollup.*
      FROM reports.turn_hour AS rollup
     WHERE grain < interval '1 day'
       AND NOT reports.is_raw(grain)
       AND rollup.hour >= reports.first_hour(since)
       AND rollup.hour < reports.last_hour(until)
       AND NOT EXISTS (SELECT FROM reports.change WHERE change.kind = 'turn' AND change.hour = rollup.hour)
     UNION ALL
    SELECT fact.*
      FROM reports.pieces('turn', since, until, grain) AS piece
     CROSS JOIN LATERAL reports.turn_rows(piece.begins_at, piece.ends_at, grain) AS fact
     UNION ALL
    SELECT fact.*
      FROM reports.turn_rows(since, until, grain) AS fact
     WHERE reports.is_raw(grain)
$$;

CREATE FUNCTION reports.latency_parts(since timestamptz, until timestamptz, grain interval)
RETURNS SETOF reports.latency_hour
LANGUAGE sql STABLE
AS $$
    SELECT rollup.*
      FROM reports.latency_day AS rollup
     WHERE grain >= interval '1 day'
       AND NOT reports.is_raw(grain)
       AND rollup.hour >= reports.first_day(since)
       AND rollup.hour < reports.last_day(until)
       AND rollup.hour NOT IN (SELECT date_bin('1 day', change.hour, 'epoch') FROM reports.change WHERE change.kind = 'turn')
     UNION ALL
    SELECT rollup.*
      FROM reports.hour_pieces('turn', since, until) AS piece
      JOIN reports.latency_hour AS rollup ON rollup.hour >= piece.begins_at AND rollup.hour < piece.ends_at
     WHERE grain >= interval '1 day'
       AND NOT reports.is_raw(grain)
       AND NOT EXISTS (SELECT FROM reports.change WHERE change.kind = 'turn' AND change.hour = rollup.hour)
     UNION ALL
    SELECT rollup.*
      FROM reports.latency_hour AS rollup
     WHERE grain < interval '1 day'
       AND NOT reports.is_raw(grain)
       AND rollup.hour >= reports.first_hour(since)
       AND rollup.hour < reports.last_hour(until)
       AND NOT EXISTS (SELECT FROM reports.change WHERE change.kind = 'turn' AND change.hour = rollup.hour)
     UNION ALL
    SELECT fact.*
      FROM reports.pieces('turn', since, until, grain) AS piece
     CROSS JOIN LATERAL reports.latency_rows(piece.begins_at, piece.ends_at, grain) AS fact
     UNION ALL
    SELECT fact.*
      FROM reports.latency_rows(since, until, grain) AS fact
     WHERE reports.is_raw(grain)
$$;

CREATE FUNCTION reports.feedback_parts(since timestamptz, until timestamptz, grain interval)
RETURNS SETOF reports.feedback_hour
LANGUAGE sql STABLE
AS $$
    SELECT rollup.*
      FROM reports.feedback_day AS rollup
     WHERE grain >= interval '1 day'
       AND NOT reports.is_raw(grain)
       AND rollup.hour >= reports.first_day(since)
       AND rollup.hour < reports.last_day(until)
       AND rollup.hour NOT IN (SELECT date_bin('1 day', change.hour, 'epoch') FROM reports.change WHERE change.kind = 'feedback')
     UNION ALL
    SELECT rollup.*
      FROM reports.hour_pieces('feedback', since, until) AS piece
      JOIN reports.feedback_hour AS rollup ON rollup.hour >= piece.begins_at AND rollup.hour < piece.ends_at
     WHERE grain >= interval '1 day'
       AND NOT reports.is_raw(grain)
       AND NOT EXISTS (SELECT FROM reports.change WHERE change.kind = 'feedback' AND change.hour = rollup.hour)
     UNION ALL
    SELECT rollup.*
      FROM reports.feedback_hour AS rollup
     WHERE grain < interval '1 day'
       AND NOT reports.is_raw(grain)
       AND rollup.hour >= reports.first_hour(since)
       AND rollup.hour < reports.last_hour(until)
       AND NOT EXISTS (SELECT FROM reports.change WHERE change.kind = 'feedback' AND change.hour = rollup.hour)
     UNION ALL
    SELECT fact.*
      FROM reports.pieces('feedback', since, until, grain) AS piece
     CROSS JOIN LATERAL reports.feedback_rows(piece.begins_at, piece.ends_at, grain) AS fact
     UNION ALL
    SELECT fact.*
      FROM reports.feedback_rows(since, until, grain) AS fact
     WHERE reports.is_raw(grain)
$$;

CREATE FUNCTION reports.score_parts(since timestamptz, until timestamptz, grain interval)
RETURNS SETOF reports.score_hour
LANGUAGE sql STABLE
AS $$
    SELECT rollup.*
      FROM reports.score_day AS rollup
     WHERE grain >= interval '1 day'
       AND NOT reports.is_raw(grain)
       AND rollup.hour >= reports.first_day(since)
       AND rollup.hour < reports.last_day(until)
       AND rollup.hour NOT IN (SELECT date_bin('1 day', change.hour, 'epoch') FROM reports.change WHERE change.kind = 'score')
     UNION ALL
    SELECT rollup.*
      FROM reports.hour_pieces('score', since, until) AS piece
      JOIN reports.score_hour AS rollup ON rollup.hour >= piece.begins_at AND rollup.hour < piece.ends_at
     WHERE grain >= interval '1 day'
       AND NOT reports.is_raw(grain)
       AND NOT EXISTS (SELECT FROM reports.change WHERE change.kind = 'score' AND change.hour = rollup.hour)
     UNION ALL
    SELECT rollup.*
      FROM reports.score_hour AS rollup
     WHERE grain < interval '1 day'
       AND NOT reports.is_raw(grain)
       AND rollup.hour >= reports.first_hour(since)
       AND rollup.hour < reports.last_hour(until)
       AND NOT EXISTS (SELECT FROM reports.change WHERE change.kind = 'score' AND change.hour = rollup.hour)
     UNION ALL
    SELECT fact.*
      FROM reports.pieces('score', since, until, grain) AS piece
     CROSS JOIN LATERAL reports.score_rows(piece.begins_at, piece.ends_at, grain) AS fact
     UNION ALL
    SELECT fact.*
      FROM reports.score_rows(since, until, grain) AS fact
     WHERE reports.is_raw(grain)
$$;

CREATE FUNCTION reports.call_parts(since timestamptz, until timestamptz, grain interval)
RETURNS SETOF reports.call_hour
LANGUAGE sql STABLE
AS $$
    SELECT rollup.*
      FROM reports.call_day AS rollup
     WHERE grain >= interval '1 day'
       AND NOT reports.is_raw(grain)
       AND rollup.hour >= reports.first_day(since)
       AND rollup.hour < reports.last_day(until)
       AND rollup.hour NOT IN (SELECT date_bin('1 day', change.hour, 'epoch') FROM reports.change WHERE change.kind = 'call')
     UNION ALL
    SELECT rollup.*
      FROM reports.hour_pieces('call', since, until) AS piece
      JOIN reports.call_hour AS rollup ON rollup.hour >= piece.begins_at AND rollup.hour < piece.ends_at
     WHERE grain >= interval '1 day'
       AND NOT reports.is_raw(grain)
       AND NOT EXISTS (SELECT FROM reports.change WHERE change.kind = 'call' AND change.hour = rollup.hour)
     UNION ALL
    SELECT rollup.*
      FROM reports.call_hour AS rollup
     WHERE grain < interval '1 day'
       AND NOT reports.is_raw(grain)
       AND rollup.hour >= reports.first_hour(since)
       AND rollup.hour < reports.last_hour(until)
       AND NOT EXISTS (SELECT FROM reports.change WHERE change.kind = 'call' AND change.hour = rollup.hour)
     UNION ALL
    SELECT fact.*
      FROM reports.pieces('call', since, until, grain) AS piece
     CROSS JOIN LATERAL reports.call_rows(piece.begins_at, piece.ends_at, grain) AS fact
     UNION ALL
    SELECT fact.*
      FROM reports.call_rows(since, until, grain) AS fact
     WHERE reports.is_raw(grain)
$$;
