-- What changes a roll-up says so in the same transaction, whoever writes: services, COPY, removal of old rows.
CREATE FUNCTION reports.note_turns()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO reports.change (kind, hour)
        SELECT DISTINCT 'turn', date_bin('1 hour', created_at, 'epoch') FROM changed;
    ELSE -- votes, scores and calls may be gone with their turns, or later in the same transaction
        INSERT INTO reports.change (kind, hour)
        SELECT kind, hour
          FROM (SELECT DISTINCT date_bin('1 hour', created_at, 'epoch') AS hour FROM changed) AS hours
         CROSS JOIN (VALUES ('turn'), ('feedback'), ('score')) AS kinds (kind);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION reports.note_turn()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO reports.change (kind, hour) VALUES ('turn', date_bin('1 hour', OLD.created_at, 'epoch'));
    IF (OLD.created_at, OLD.origin, OLD.collection_id, OLD.config_id, OLD.model)
       IS DISTINCT FROM (NEW.created_at, NEW.origin, NEW.collection_id, NEW.config_id, NEW.model) THEN
        INSERT INTO reports.change (kind, hour)
        SELECT kind, hour
          FROM (VALUES (date_bin('1 hour', OLD.created_at, 'epoch')),
                       (date_bin('1 hour', NEW.created_at, 'epoch'))) AS hours (hour)
         CROSS JOIN (VALUES ('turn'), ('feedback'), ('score')) AS kinds (kind);
        INSERT INTO reports.change (kind, hour)
        SELECT DISTINCT 'call', date_bin('1 hour', created_at, 'epoch') FROM chat_llmcall WHERE turn_id = NEW.id;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER reports_inserted AFTER INSERT ON chat_turn
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION reports.note_turns();
CREATE TRIGGER reports_deleted AFTER DELETE ON chat_turn
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION reports.note_turns();
-- While an answer is written its text is saved again and again, which no figure knows: all else is written at its end.
CREATE TRIGGER reports_updated AFTER UPDATE ON chat_turn FOR EACH ROW
    WHEN ((OLD.status, OLD.finished_at, OLD.created_at, OLD.origin, OLD.collection_id, OLD.config_id, OLD.model, OLD.cost_usd,
           OLD.nothing_found, OLD.hit_count, OLD.cited_count, OLD.removed_citations, OLD.top_similarity, OLD.degraded,
           OLD.total_seconds, OLD.position, OLD.replaces_id)
          IS DISTINCT FROM
          (NEW.status, NEW.finished_at, NEW.created_at, NEW.origin, NEW.collection_id, NEW.config_id, NEW.model, NEW.cost_usd,
           NEW.nothing_found, NEW.hit_count, NEW.cited_count, NEW.removed_citations, NEW.top_similarity, NEW.degraded,
           NEW.total_seconds, NEW.position, NEW.replaces_id))
    EXECUTE FUNCTION reports.note_turn();

-- Votes, signals and scores: at the hour of their turn.
CREATE FUNCTION reports.note_of_turn()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO reports.change (kind, hour)
    SELECT DISTINCT TG_ARGV[0], date_bin('1 hour', turn.created_at, 'epoch')
      FROM changed
      JOIN chat_turn AS turn ON turn.id = changed.turn_id;
    RETURN NULL;
END
$$;

CREATE FUNCTION reports.note_call()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO reports.change (kind, hour)
    SELECT DISTINCT 'call', date_bin('1 hour', created_at, 'epoch') FROM changed;
    RETURN NULL;
END
$$;

CREATE TRIGGER reports_inserted AFTER INSERT ON chat_feedback
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION reports.note_of_turn('feedback');
CREATE TRIGGER reports_updated AFTER UPDATE ON chat_feedback
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION reports.note_of_turn('feedback');
CREATE TRIGGER reports_deleted AFTER DELETE ON chat_feedback
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION reports.note_of_turn('feedback');

CREATE TRIGGER reports_inserted AFTER INSERT ON chat_implicitsignal
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION reports.note_of_turn('feedback');
CREATE TRIGGER reports_updated AFTER UPDATE ON chat_implicitsignal
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION reports.note_of_turn('feedback');
CREATE TRIGGER reports_deleted AFTER DELETE ON chat_implicitsignal
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION reports.note_of_turn('feedback');

CREATE TRIGGER reports_inserted AFTER INSERT ON monitoring_score
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION reports.note_of_turn('score');
CREATE TRIGGER reports_updated AFTER UPDATE ON monitoring_score
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION reports.note_of_turn('score');
CREATE TRIGGER reports_deleted AFTER DELETE ON monitoring_score
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION reports.note_of_turn('score');

CREATE TRIGGER reports_inserted AFTER INSERT ON chat_llmcall
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION reports.note_call();
CREATE TRIGGER reports_updated AFTER UPDATE ON chat_llmcall
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION reports.note_call();
CREATE TRIGGER reports_deleted AFTER DELETE ON chat_llmcall
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION reports.note_call();

-- Emptied tables have no rows that a trigger could look at.
CREATE FUNCTION reports.forget()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    TRUNCATE reports.turn_hour, reports.latency_hour, reports.feedback_hour, reports.score_hour, reports.call_hour,
             reports.turn_day, reports.latency_day, reports.feedback_day, reports.score_day, reports.call_day,
             reports.change;
    PERFORM reports.note_everything();
    RETURN NULL;
END
$$;

-- All hours that have something: roll-ups are made anew.
CREATE FUNCTION reports.note_everything()
RETURNS void
LANGUAGE sql
AS $$
    INSERT INTO reports.change (kind, hour)
    SELECT kind, hour
      FROM (SELECT DISTINCT date_bin('1 hour', created_at, 'epoch') AS hour FROM chat_turn) AS hours
     CROSS JOIN (VALUES ('turn'), ('feedback'), ('score')) AS kinds (kind);
    INSERT INTO reports.change (kind, hour)
    SELECT DISTINCT 'call', date_bin('1 hour', created_at, 'epoch') FROM chat_llmcall;
$$;
CREATE TRIGGER reports_truncated AFTER TRUNCATE ON chat_turn FOR EACH STATEMENT EXECUTE FUNCTION reports.forget();
CREATE TRIGGER reports_truncated AFTER TRUNCATE ON chat_feedback FOR EACH STATEMENT EXECUTE FUNCTION reports.forget();
CREATE TRIGGER reports_truncated AFTER TRUNCATE ON chat_implicitsignal FOR EACH STATEMENT EXECUTE FUNCTION reports.forget();
CREATE TRIGGER reports_truncated AFTER TRUNCATE ON monitoring_score FOR EACH STATEMENT EXECUTE FUNCTION reports.forget();
CREATE TRIGGER reports_truncated AFTER TRUNCATE ON chat_llmcall FOR EACH STATEMENT EXECUTE FUNCTION reports.forget();

-- Hours that changed, as ranges without gaps.
CREATE FUNCTION reports.ranges(hours timestamptz[])
RETURNS TABLE (begins_at timestamptz, ends_at timestamptz)
LANGUAGE sql IMMUTABLE
AS $$
    SELECT min(hour), max(hour) + interval '1 hour'
      FROM (SELECT hour, hour - interval '1 hour' * row_number() OVER (ORDER BY hour) AS island
              FROM unnest(hours) AS hour) AS placed
     GROUP BY island
     ORDER BY 1
$$;

-- The days of an hourly roll-up, made anew.
CREATE FUNCTION reports.make_turn_days(since timestamptz, until timestamptz)
RETURNS void
LANGUAGE sql
AS $$
    DELETE FROM reports.turn_day WHERE hour >= since AND hour < until;
    INSERT INTO reports.turn_day (hour, origin, collection_id, config_id, model, turns, answers, failed, stopped, interrupted, unfinished, conversations, degraded, refusals, searched, hits, empty, similarity_count, similarity_sum, cited, citations, removed_citations, known_costs, cost_usd, cost_squares)
    SELECT date_bin('1 day', hour, 'epoch'),
           origin,
           collection_id,
           config_id,
           model,
           sum(turns)::bigint,
           sum(answers)::bigint,
           sum(failed)::bigint,
           sum(stopped)::bigint,
           sum(interrupted)::bigint,
           sum(unfinished)::bigint,
           sum(conversations)::bigint,
           sum(degraded)::bigint,
           sum(refusals)::bigint,
           sum(searched)::bigint,
           sum(hits)::bigint,
           sum(empty)::bigint,
           sum(similarity_count)::bigint,
           sum(similarity_sum)::double precision,
           sum(cited)::bigint,
           sum(citations)::bigint,
           sum(removed_citations)::bigint,
           sum(known_costs)::bigint,
           sum(cost_usd),
           sum(cost_squares)::double precision
      FROM reports.turn_hour
     WHERE hour >= since
       AND hour < until
     GROUP BY 1, origin, collection_id, config_id, model;
$$;

CREATE FUNCTION reports.make_latency_days(since timestamptz, until timestamptz)
RETURNS void
LANGUAGE sql
AS $$
    DELETE FROM reports.latency_day WHERE hour >= since AND hour < until;
    INSERT INTO reports.latency_day (hour, origin, collection_id, config_id, model, measure, count, seconds, histogram)
    SELECT date_bin('1 day', hour, 'epoch'),
           origin,
           collection_id,
           config_id,
           model,
           measure,
           sum(count)::bigint,
           sum(seconds)::double precision,
           sum(histogram)::vector
      FROM reports.latency_hour
     WHERE hour >= since
       AND hour < until
     GROUP BY 1, origin, collection_id, config_id, model, measure;
$$;

CREATE FUNCTION reports.make_feedback_days(since timestamptz, until timestamptz)
RETURNS void
LANGUAGE sql
AS $$
    DELETE FROM reports.feedback_day WHERE hour >= since AND hour < until;
    INSERT INTO reports.feedback_day (hour, origin, collection_id, config_id, model, up, down, rated, comments, copies, regenerated)
    SELECT date_bin('1 day', hour, 'epoch'),
           origin,
           collection_id,
           config_id,
           model,
           sum(up)::bigint,
           sum(down)::bigint,
           sum(rated)::bigint,
           sum(comments)::bigint,
           sum(copies)::bigint,
           sum(regenerated)::bigint
      FROM reports.feedback_hour
     WHERE hour >= since
       AND hour < until
     GROUP BY 1, origin, collection_id, config_id, model;
$$;

CREATE FUNCTION reports.make_score_days(since timestamptz, until timestamptz)
RETURNS void
LANGUAGE sql
AS $$
    DELETE FROM reports.score_day WHERE hour >= since AND hour < until;
    INSERT INTO reports.score_day (hour, origin, collection_id, config_id, model, name, source, judge_version_id, label, bin, scores, value_sum, value_squares)
    SELECT date_bin('1 day', hour, 'epoch'),
           origin,
           collection_id,
           config_id,
           model,
           name,
           source,
           judge_version_id,
           label,
           bin,
           sum(scores)::bigint,
           sum(value_sum)::double precision,
           sum(value_squares)::double precision
      FROM reports.score_hour
     WHERE hour >= since
       AND hour < until
     GROUP BY 1, origin, collection_id, config_id, model, name, source, judge_version_id, label, bin;
$$;

CREATE FUNCTION reports.make_call_days(since timestamptz, until timestamptz)
RETURNS void
LANGUAGE sql
AS $$
    DELETE FROM reports.call_day WHERE hour >= since AND hour < until;
    INSERT INTO reports.call_day (hour, origin, collection_id, config_id, model, purpose, calls, failed_calls, attempts, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, unknown_token_calls, estimated_token_calls, exact_usd, estimated_usd, unknown_cost_calls, duration_seconds)
    SELECT date_bin('1 day', hour, 'epoch'),
           origin,
           collection_id,
           config_id,
           model,
           purpose,
           sum(calls)::bigint,
           sum(failed_calls)::bigint,
           sum(attempts)::bigint,
           sum(input_tokens)::bigint,
           sum(cached_input_tokens)::bigint,
           sum(output_tokens)::bigint,
           sum(reasoning_tokens)::bigint,
           sum(unknown_token_calls)::bigint,
           sum(estimated_token_calls)::bigint,
           sum(exact_usd),
           sum(estimated_usd),
           sum(unknown_cost_calls)::bigint,
           sum(duration_seconds)::double precision
      FROM reports.call_hour
     WHERE hour >= since
       AND hour < until
     GROUP BY 1, origin, collection_id, config_id, model, purpose;
$$;

-- The days of hours, as ranges without gaps.
CREATE FUNCTION reports.day_ranges(hours timestamptz[])
RETURNS TABLE (begins_at timestamptz, ends_at timestamptz)
LANGUAGE sql IMMUTABLE
AS $$
    SELECT min(day), max(day) + interval '1 day'
      FROM (SELECT day, day - interval '1 day' * row_number() OVER (ORDER BY day) AS island
              FROM (SELECT DISTINCT date_bin('1 day', hour, 'epoch') AS day FROM unnest(hours) AS hour) AS days) AS placed
     GROUP BY island
     ORDER BY 1
$$;

-- Bring roll-ups up to date: at most `most` hours of each kind, oldest first, and their days after them; return how many hours. The
-- hour that goes on is left, as it changes all the time and is read from the facts. One process at a time: another returns 0 at
-- once.
CREATE FUNCTION reports.refresh(most integer DEFAULT 500)
RETURNS integer
LANGUAGE plpgsql
AS $$
DECLARE
    done integer := 0;
    hours timestamptz[];
    span record;
BEGIN
    IF NOT pg_try_advisory_xact_lock(7412014) THEN
        RETURN 0;
    END IF;
    hours := reports.take('turn', most);
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
    hours := reports.take('feedback', most);
    FOR span IN SELECT * FROM reports.ranges(hours) LOOP
        DELETE FROM reports.feedback_hour WHERE hour >= span.begins_at AND hour < span.ends_at;
        INSERT INTO reports.feedback_hour SELECT * FROM reports.feedback_rows(span.begins_at, span.ends_at, '1 hour');
    END LOOP;
    FOR span IN SELECT * FROM reports.day_ranges(hours) LOOP
        PERFORM reports.make_feedback_days(span.begins_at, span.ends_at);
    END LOOP;
    done := done + coalesce(cardinality(hours), 0);
    hours := reports.take('score', most);
    FOR span IN SELECT * FROM reports.ranges(hours) LOOP
        DELETE FROM reports.score_hour WHERE hour >= span.begins_at AND hour < span.ends_at;
        INSERT INTO reports.score_hour SELECT * FROM reports.score_rows(span.begins_at, span.ends_at, '1 hour');
    END LOOP;
    FOR span IN SELECT * FROM reports.day_ranges(hours) LOOP
        PERFORM reports.make_score_days(span.begins_at, span.ends_at);
    END LOOP;
    done := done + coalesce(cardinality(hours), 0);
    hours := reports.take('call', most);
    FOR span IN SELECT * FROM reports.ranges(hours) LOOP
        DELETE FROM reports.call_hour WHERE hour >= span.begins_at AND hour < span.ends_at;
        INSERT INTO reports.call_hour SELECT * FROM reports.call_rows(span.begins_at, span.ends_at, '1 hour');
    END LOOP;
    FOR span IN SELECT * FROM reports.day_ranges(hours) LOOP
        PERFORM reports.make_call_days(span.begins_at, span.ends_at);
    END LOOP;
    done := done + coalesce(cardinality(hours), 0);
    RETURN done;
END
$$;

CREATE FUNCTION reports.take(of text, most integer)
RETURNS timestamptz[]
LANGUAGE sql
AS $$
    WITH oldest AS (
        SELECT DISTINCT hour
          FROM reports.change
         WHERE kind = of
           AND hour < date_bin('1 hour', now(), 'epoch')
         ORDER BY hour
         LIMIT most
    ), taken AS (
        DELETE FROM reports.change USING oldest
         WHERE change.kind = of AND change.hour = oldest.hour
     RETURNING change.hour
    )
    SELECT array_agg(DISTINCT hour) FROM taken
$$;

SELECT reports.note_everything();
