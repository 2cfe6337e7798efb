-- How fine rows are to be read for steps of so many seconds: without steps nothing finer than a day is needed. Steps that are no
-- whole hours begin between two hours of the roll-ups; those above an hour are made of what fits into them, and into the quarters
-- of an hour by which zones differ.
CREATE OR REPLACE FUNCTION reports.grain(step_seconds integer)
RETURNS interval
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN step_seconds < 0 THEN
                     reports.refuse(format('step_seconds is 0 for one row, or the seconds of a step, not %s', step_seconds))::interval
                WHEN step_seconds = 0 THEN interval '1 day'
                WHEN step_seconds % 3600 = 0 THEN interval '1 hour'
                WHEN step_seconds < 3600 THEN make_interval(secs => step_seconds)
                ELSE make_interval(secs => gcd(step_seconds, 900)) END
$$;

-- The step that a time falls into; days and longer begin at midnight in `zone`, weeks on Mondays. Without steps: `since`. A row
-- at the begin of a range may stand for an hour that began before it, and counts from `since` on. Where midnight is there twice
-- this names a day by its second one, since it is asked for each row: begin_of, asked once a step, says when the day began.
CREATE OR REPLACE FUNCTION reports.step_of(moment timestamptz, step_seconds integer, zone text, since timestamptz)
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN step_seconds = 0 THEN since
                WHEN step_seconds < 86400 THEN date_bin(make_interval(secs => step_seconds), greatest(moment, since), 'epoch')
                ELSE date_bin(make_interval(secs => step_seconds), greatest(moment, since) AT TIME ZONE zone, timestamp '2001-01-01')
                     AT TIME ZONE zone END
$$;

-- When a step of step_of begins: where the clock is put back over midnight, as in Havana, at the first of the two. That is 24
-- hours after the same time of the day before.
CREATE OR REPLACE FUNCTION reports.begin_of(step timestamptz, step_seconds integer, zone text)
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN step_seconds < 86400 THEN step
                WHEN ((step AT TIME ZONE zone - interval '1 day') AT TIME ZONE zone + interval '24 hours') AT TIME ZONE zone
                     = step AT TIME ZONE zone
                THEN least(step, (step AT TIME ZONE zone - interval '1 day') AT TIME ZONE zone + interval '24 hours')
                ELSE step END
$$;

REVOKE ALL ON FUNCTION reports.begin_of FROM PUBLIC;

-- All steps of a range, for those without rows too; none where rows are grouped. Times are taken as rows have them, to the grain:
-- where a day begins at half past, it begins with the next full hour.
CREATE OR REPLACE FUNCTION reports.steps(since timestamptz, until timestamptz, step_seconds integer, zone text, by text)
RETURNS TABLE (at timestamptz)
LANGUAGE sql STABLE ROWS 100
AS $$
    SELECT since WHERE step_seconds = 0 AND by = ''
     UNION ALL
    SELECT DISTINCT reports.step_of(date_bin(reports.grain(step_seconds), moment, 'epoch'), step_seconds, zone, since)
      FROM generate_series(since, until - interval '1 microsecond',
                           make_interval(secs => greatest(least(step_seconds, 43200), 1))) AS moment
     WHERE step_seconds > 0 AND by = ''
     UNION -- the last step may begin after the last moment looked at
    SELECT reports.step_of(date_bin(reports.grain(step_seconds), until - interval '1 microsecond', 'epoch'), step_seconds, zone, since)
     WHERE step_seconds > 0 AND by = '' AND since < until
$$;
