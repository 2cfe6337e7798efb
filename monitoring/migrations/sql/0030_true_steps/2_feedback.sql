-- Coverage counts votes on answers. Half an answer that was cut off can be voted on too, and is no answer: with the votes on
-- those, coverage could be above 1.
CREATE OR REPLACE VIEW reports.feedback AS
SELECT feedback.id AS feedback_id,
       feedback.turn_id,
       turn.conversation_id,
       feedback.user_id,
       turn.created_at AS asked_at,
       feedback.created_at AS given_at,
       turn.origin::text AS origin,
       coalesce(turn.collection_id, 0) AS collection_id,
       turn.config_id,
       turn.model::text AS model,
       feedback.value,
       feedback.reasons::text[] AS reasons,
       feedback.comment <> '' AS has_comment,
       turn.status IN ('DONE', 'STOPPED') AS is_answer
  FROM chat_feedback AS feedback
  JOIN chat_turn AS turn ON turn.id = feedback.turn_id;

ALTER TABLE reports.feedback_hour ADD COLUMN IF NOT EXISTS rated_answers bigint;
ALTER TABLE reports.feedback_day ADD COLUMN IF NOT EXISTS rated_answers bigint;

CREATE OR REPLACE FUNCTION reports.feedback_rows(since timestamptz, until timestamptz, grain interval)
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
           count(*) FILTER (WHERE kind = 'REGENERATE'),
           count(DISTINCT turn_id) FILTER (WHERE value IS NOT NULL AND is_answer)
      FROM (SELECT asked_at, origin, collection_id, config_id, model, turn_id, value, has_comment, is_answer, NULL AS kind
              FROM reports.feedback
             WHERE asked_at >= since AND asked_at < until
             UNION ALL
            SELECT asked_at, origin, collection_id, config_id, model, turn_id, NULL, NULL, NULL, kind
              FROM reports.signal
             WHERE asked_at >= since AND asked_at < until) AS said
     GROUP BY 1, 2, 3, 4, 5
$$;

CREATE OR REPLACE FUNCTION reports.make_feedback_days(since timestamptz, until timestamptz)
RETURNS void
LANGUAGE sql
AS $$
    DELETE FROM reports.feedback_day WHERE hour >= since AND hour < until;
    INSERT INTO reports.feedback_day (hour, origin, collection_id, config_id, model, up, down, rated, comments, copies, regenerated, rated_answers)
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
           sum(regenerated)::bigint,
           sum(rated_answers)::bigint
      FROM reports.feedback_hour
     WHERE hour >= since
       AND hour < until
     GROUP BY 1, origin, collection_id, config_id, model;
$$;

CREATE OR REPLACE FUNCTION reports.note_turn()
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
    ELSIF OLD.status IS DISTINCT FROM NEW.status THEN -- whether its votes are on an answer; also those that nobody sees yet
        INSERT INTO reports.change (kind, hour) VALUES ('feedback', date_bin('1 hour', OLD.created_at, 'epoch'));
    END IF;
    RETURN NULL;
END
$$;

-- What is rolled up is right but for the hours with such votes, which are made anew.
UPDATE reports.feedback_hour SET rated_answers = rated WHERE rated_answers IS NULL;
UPDATE reports.feedback_day SET rated_answers = rated WHERE rated_answers IS NULL;
ALTER TABLE reports.feedback_hour ALTER COLUMN rated_answers SET NOT NULL;
ALTER TABLE reports.feedback_day ALTER COLUMN rated_answers SET NOT NULL;
INSERT INTO reports.change (kind, hour)
SELECT DISTINCT 'feedback', date_bin('1 hour', asked_at, 'epoch')
  FROM reports.feedback
 WHERE NOT is_answer;
