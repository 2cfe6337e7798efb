-- Hours that are open: what happens in the hour that goes on is not noted at all. Hours from reports.closed on are read from
-- the facts, noted or not, and refresh() makes the roll-up of each once, when it closes the hour. Noting every question, as
-- before, took more of the time of those who write than the roll-ups themselves.
CREATE TABLE IF NOT EXISTS reports.closed (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    until timestamptz NOT NULL -- whole hours before it have their roll-ups, but for those in reports.change
);
-- Until now everything was noted.
INSERT INTO reports.closed (until) VALUES (date_bin('1 hour', clock_timestamp(), 'epoch')) ON CONFLICT DO NOTHING;

-- Whether a change at `at` must be noted: not in the hour that goes on. Who does not note it holds a lock on the hour until the
-- transaction ends, so that the hour is not closed without it; the clock is looked at again behind the lock, as the hour may
-- have ended, and been closed, in between. In place of a call, PostgreSQL puts the expression itself into triggers.
CREATE OR REPLACE FUNCTION reports.must_note(at timestamptz)
RETURNS boolean
LANGUAGE sql VOLATILE
AS $$
    SELECT date_bin('1 hour', at, 'epoch') < date_bin('1 hour', clock_timestamp(), 'epoch')
        OR NOT pg_try_advisory_xact_lock_shared(7412015, floor(extract(epoch FROM at) / 3600)::integer)
        OR date_bin('1 hour', at, 'epoch') < date_bin('1 hour', clock_timestamp(), 'epoch')
$$;

-- Until when hours may be closed, looked at `now`: the hours before the one that goes on, as far as no transaction that is still
-- open changed one of them without noting it.
CREATE OR REPLACE FUNCTION reports.closable(now timestamptz DEFAULT clock_timestamp())
RETURNS timestamptz
LANGUAGE sql VOLATILE
AS $$
    SELECT least(date_bin('1 hour', now, 'epoch'), to_timestamp(min(objid::bigint) * 3600))
      FROM pg_locks
     WHERE locktype = 'advisory'
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND classid = 7412015
       AND objsubid = 2
       AND pid <> pg_backend_pid()
$$;

-- Notes an hour, unless this transaction did already: of many rows of one hour a single note remains. What was noted is kept in
-- a setting of the transaction, a list of hours; when that grows long it begins anew. take() and forget() empty it, as they take
-- the notes away.
CREATE OR REPLACE FUNCTION reports.note(of text, at timestamptz)
RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    setting text := 'ragsite.noted_' || of;
    noted text := coalesce(current_setting(setting, true), '');
    wanted text := floor(extract(epoch FROM at) / 3600)::bigint || ',';
BEGIN
    IF position(',' || wanted IN ',' || noted) = 0 THEN
        INSERT INTO reports.change (kind, hour) VALUES (of, date_bin('1 hour', at, 'epoch'));
        PERFORM set_config(setting, CASE WHEN length(noted) > 20000 THEN '' ELSE noted END || wanted, true);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION reports.forget_noted()
RETURNS void
LANGUAGE sql
AS $$
    SELECT set_config('ragsite.noted_' || kind, '', true) FROM unnest('{turn,feedback,score,call}'::text[]) AS kind
$$;

CREATE OR REPLACE FUNCTION reports.note_row()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM reports.note(TG_ARGV[0], NEW.created_at);
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION reports.note_row_of_turn()
RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
    asked_at timestamptz := (SELECT created_at FROM chat_turn WHERE id = NEW.turn_id);
BEGIN
    IF reports.must_note(asked_at) THEN
        PERFORM reports.note(TG_ARGV[0], asked_at);
    END IF;
    RETURN NULL;
END
$$;

-- Questions and calls of models, at their own hour. What is deleted, and what is changed in a lump, is noted as before.
DROP TRIGGER IF EXISTS reports_inserted ON chat_turn;
CREATE TRIGGER reports_inserted AFTER INSERT ON chat_turn FOR EACH ROW
    WHEN (reports.must_note(NEW.created_at)) EXECUTE FUNCTION reports.note_row('turn');
DROP TRIGGER IF EXISTS reports_inserted ON chat_llmcall;
CREATE TRIGGER reports_inserted AFTER INSERT ON chat_llmcall FOR EACH ROW
    WHEN (reports.must_note(NEW.created_at)) EXECUTE FUNCTION reports.note_row('call');
DROP TRIGGER IF EXISTS reports_updated ON chat_turn;
CREATE TRIGGER reports_updated AFTER UPDATE ON chat_turn FOR EACH ROW
    WHEN ((OLD.status, OLD.finished_at, OLD.created_at, OLD.origin, OLD.collection_id, OLD.config_id, OLD.model, OLD.cost_usd,
           OLD.nothing_found, OLD.hit_count, OLD.cited_count, OLD.removed_citations, OLD.top_similarity, OLD.degraded,
           OLD.total_seconds, OLD.position, OLD.replaces_id)
          IS DISTINCT FROM
          (NEW.status, NEW.finished_at, NEW.created_at, NEW.origin, NEW.collection_id, NEW.config_id, NEW.model, NEW.cost_usd,
           NEW.nothing_found, NEW.hit_count, NEW.cited_count, NEW.removed_citations, NEW.top_similarity, NEW.degraded,
           NEW.total_seconds, NEW.position, NEW.replaces_id)
          AND (OLD.created_at IS DISTINCT FROM NEW.created_at OR reports.must_note(NEW.created_at)))
    EXECUTE FUNCTION reports.note_turn();

-- Votes, signals and scores, at the hour of their turn. A vote that is given or changed is one statement that does both.
DROP TRIGGER IF EXISTS reports_inserted ON chat_feedback;
CREATE TRIGGER reports_inserted AFTER INSERT ON chat_feedback FOR EACH ROW
    EXECUTE FUNCTION reports.note_row_of_turn('feedback');
DROP TRIGGER IF EXISTS reports_updated ON chat_feedback;
CREATE TRIGGER reports_updated AFTER UPDATE ON chat_feedback FOR EACH ROW
    EXECUTE FUNCTION reports.note_row_of_turn('feedback');
DROP TRIGGER IF EXISTS reports_inserted ON chat_implicitsignal;
CREATE TRIGGER reports_inserted AFTER INSERT ON chat_implicitsignal FOR EACH ROW
    EXECUTE FUNCTION reports.note_row_of_turn('feedback');
DROP TRIGGER IF EXISTS reports_inserted ON monitoring_score;
CREATE TRIGGER reports_inserted AFTER INSERT ON monitoring_score FOR EACH ROW
    EXECUTE FUNCTION reports.note_row_of_turn('score');

-- How a range is read: roll-ups end where hours are open.
CREATE OR REPLACE FUNCTION reports.last_hour(until timestamptz)
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT least(date_bin('1 hour', $1, 'epoch'), (SELECT closed.until FROM reports.closed))
$$;

CREATE OR REPLACE FUNCTION reports.last_day(until timestamptz)
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT date_bin('1 day', least($1, (SELECT closed.until FROM reports.closed)), 'epoch')
$$;

-- As before, but that these two are asked once and not for each row.
DO $do$
DECLARE
    part record;
BEGIN
    FOR part IN SELECT * FROM (VALUES ('turn', 'turn'), ('latency', 'turn'), ('feedback', 'feedback'),
                                      ('score', 'score'), ('call', 'call')) AS known (name, change_kind)
    LOOP
        EXECUTE format($format$
            CREATE OR REPLACE FUNCTION reports.%1$s_parts(since timestamptz, until timestamptz, grain interval)
            RETURNS SETOF reports.%1$s_hour
            LANGUAGE sql STABLE
            AS $$
                -- Whole days, where no steps are asked for.
                SELECT rollup.*
                  FROM reports.%1$s_day AS rollup
                 WHERE grain >= interval '1 day'
                   AND NOT reports.is_raw(grain)
                   AND rollup.hour >= reports.first_day(since)
                   AND rollup.hour < (SELECT reports.last_day(until))
                   AND rollup.hour NOT IN (SELECT date_bin('1 day', change.hour, 'epoch') FROM reports.change WHERE change.kind = %2$L)
                 UNION ALL
                -- The hours before, between and after them.
                SELECT hour.*
                  FROM reports.hour_pieces(%2$L, since, until) AS piece
                 CROSS JOIN LATERAL (
                       SELECT rollup.*
                         FROM reports.%1$s_hour AS rollup
                        WHERE rollup.hour >= piece.begins_at AND rollup.hour < piece.ends_at
                       OFFSET 0 -- not to be joined otherwise
                       ) AS hour
                 WHERE grain >= interval '1 day'
                   AND NOT reports.is_raw(grain)
                   AND NOT EXISTS (SELECT FROM reports.change WHERE change.kind = %2$L AND change.hour = hour.hour)
                 UNION ALL
                -- Hours, where steps are asked for.
                SELECT rollup.*
                  FROM reports.%1$s_hour AS rollup
                 WHERE grain < interval '1 day'
                   AND NOT reports.is_raw(grain)
                   AND rollup.hour >= reports.first_hour(since)
                   AND rollup.hour < (SELECT reports.last_hour(until))
                   AND NOT EXISTS (SELECT FROM reports.change WHERE change.kind = %2$L AND change.hour = rollup.hour)
                 UNION ALL
                -- The ends of the range, open hours, and hours that changed since their roll-up.
                SELECT fact.*
                  FROM reports.pieces(%2$L, since, until, grain) AS piece
                 CROSS JOIN LATERAL reports.%1$s_rows(piece.begins_at, piece.ends_at, grain) AS fact
                 UNION ALL
                -- Everything, where steps are shorter than an hour.
                SELECT fact.*
                  FROM reports.%1$s_rows(since, until, grain) AS fact
                 WHERE reports.is_raw(grain)
            $$
        $format$, part.name, part.change_kind);
    END LOOP;
END
$do$;

-- Bring roll-ups up to date: close the hours that ended, and make anew those that changed, at most `most` of each kind, oldest
-- first, and their days after them; return how many hours, one for each kind. One process at a time: another returns 0 at once.
-- Written out for each kind, since in a loop each statement would be planned anew for each range of hours.
DROP FUNCTION IF EXISTS reports.refresh(integer);
DROP FUNCTION IF EXISTS reports.take(text, integer);

CREATE OR REPLACE FUNCTION reports.refresh(most integer DEFAULT 500, now timestamptz DEFAULT clock_timestamp())
RETURNS integer
LANGUAGE plpgsql
AS $$
DECLARE
    done integer := 0;
    begins timestamptz;
    ends timestamptz;
    hours timestamptz[];
    span record;
BEGIN
    IF NOT pg_try_advisory_xact_lock(7412014) THEN
        RETURN 0;
    END IF;
    SELECT until INTO begins FROM reports.closed;
    -- The clock was ahead when hours were closed that are not over: they are open again, and the one before, in which something
    -- may have happened since the clock is right.
    IF begins > date_bin('1 hour', greatest(now, clock_timestamp()), 'epoch') THEN
        begins := date_bin('1 hour', greatest(now, clock_timestamp()), 'epoch') - interval '1 hour';
        UPDATE reports.closed SET until = begins;
    END IF;
    ends := greatest(begins, least(reports.closable(now), begins + interval '1 hour' * most));
    UPDATE reports.closed SET until = ends WHERE until < ends;
    hours := reports.take('turn', most, begins, ends);
    FOR span IN SELECT * FROM reports.ranges(hours) LOOP
        DELETE FROM reports.turn_hour WHERE hour >= span.begins_at AND hour < span.ends_at;
        INSERT INTO reports.turn_hour SELECT * FROM reports.turn_rows(span.begins_at, span.ends_at, '1 hour');
        DELETE FROM reports.latency_hour WHERE hour >= span.begins_at AND hour < span.ends_at;
        INSERT INTO reports.latency_hour SELECT * FROM reports.latency_rows(span.begins_at, span.ends_at, '1 hour');
    END LOOP;
    FOR span IN SELECT * FROM reports.day_ranges(hours) LOOP
        PERFORM reports.make_turn_days(span.begins_at, span.ends_at);
        PERFORM reports.make_latency_days(span.begins_at, span.ends_at);
    END LOOP;
    done := done + coalesce(cardinality(hours), 0);
    hours := reports.take('feedback', most, begins, ends);
    FOR span IN SELECT * FROM reports.ranges(hours) LOOP
        DELETE FROM reports.feedback_hour WHERE hour >= span.begins_at AND hour < span.ends_at;
        INSERT INTO reports.feedback_hour SELECT * FROM reports.feedback_rows(span.begins_at, span.ends_at, '1 hour');
    END LOOP;
    FOR span IN SELECT * FROM reports.day_ranges(hours) LOOP
        PERFORM reports.make_feedback_days(span.begins_at, span.ends_at);
    END LOOP;
    done := done + coalesce(cardinality(hours), 0);
    hours := reports.take('score', most, begins, ends);
    FOR span IN SELECT * FROM reports.ranges(hours) LOOP
        DELETE FROM reports.score_hour WHERE hour >= span.begins_at AND hour < span.ends_at;
        INSERT INTO reports.score_hour SELECT * FROM reports.score_rows(span.begins_at, span.ends_at, '1 hour');
    END LOOP;
    FOR span IN SELECT * FROM reports.day_ranges(hours) LOOP
        PERFORM reports.make_score_days(span.begins_at, span.ends_at);
    END LOOP;
    done := done + coalesce(cardinality(hours), 0);
    hours := reports.take('call', most, begins, ends);
    FOR span IN SELECT * FROM reports.ranges(hours) LOOP
        DELETE FROM reports.call_hour WHERE hour >= span.begins_at AND hour < span.ends_at;
        INSERT INTO reports.call_hour SELECT * FROM reports.call_rows(span.begins_at, span.ends_at, '1 hour');
    END LOOP;
    FOR span IN SELECT * FROM reports.day_ranges(hours) LOOP
        PERFORM reports.make_call_days(span.begins_at, span.ends_at);
    END LOOP;
    RETURN done + coalesce(cardinality(hours), 0);
END
$$;

-- The hours of a kind that are due: those that are closed now, and the oldest that changed, whose notes are taken.
CREATE OR REPLACE FUNCTION reports.take(of text, most integer, begins timestamptz, ends timestamptz)
RETURNS timestamptz[]
LANGUAGE sql
AS $$
    SELECT reports.forget_noted();
    WITH oldest AS (
        SELECT DISTINCT hour
          FROM reports.change
         WHERE kind = of
           AND hour < ends
         ORDER BY hour
         LIMIT most
    ), taken AS (
        DELETE FROM reports.change USING oldest
         WHERE change.kind = of AND change.hour = oldest.hour
     RETURNING change.hour
    )
    SELECT array_agg(hour)
      FROM (SELECT hour FROM taken
             UNION
            SELECT generate_series(begins, ends - interval '1 hour', interval '1 hour')) AS due
$$;

-- As before; what was noted in this transaction is gone too.
CREATE OR REPLACE FUNCTION reports.forget()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    TRUNCATE reports.turn_hour, reports.latency_hour, reports.feedback_hour, reports.score_hour, reports.call_hour,
             reports.turn_day, reports.latency_day, reports.feedback_day, reports.score_day, reports.call_day,
             reports.change;
    PERFORM reports.forget_noted();
    PERFORM reports.note_everything();
    RETURN NULL;
END
$$;

-- How many hours wait for refresh(), one for each kind.
CREATE OR REPLACE FUNCTION reports.waiting()
RETURNS bigint
LANGUAGE sql STABLE
AS $$
    WITH closed AS (
        SELECT until, date_bin('1 hour', clock_timestamp(), 'epoch') AS current FROM reports.closed
    )
    SELECT count(*)
      FROM (SELECT change.kind, change.hour
              FROM reports.change
              JOIN closed ON change.hour < closed.current
             UNION
            SELECT kinds.kind, hour
              FROM closed
             CROSS JOIN generate_series(closed.until, closed.current - interval '1 hour', interval '1 hour') AS hour
             CROSS JOIN (VALUES ('turn'), ('feedback'), ('score'), ('call')) AS kinds (kind)) AS due
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA reports FROM PUBLIC;
