-- Reading parts of a range anew: the hours that no day stands for are looked up piece by piece. As a join of pieces and hours
-- the planner read every hour there is, for a report of one day too. One text for all five, which differ in names only.
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
                   AND rollup.hour < reports.last_day(until)
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
                   AND rollup.hour < reports.last_hour(until)
                   AND NOT EXISTS (SELECT FROM reports.change WHERE change.kind = %2$L AND change.hour = rollup.hour)
                 UNION ALL
                -- The ends of the range, and hours that changed since their roll-up.
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

-- A report of 90 days groups tens of thousands of rows, for which the server's usual 4 MB is too little: it sorted on disk.
DO $do$
DECLARE
    figure regprocedure;
BEGIN
    FOR figure IN SELECT oid FROM pg_proc
                   WHERE pronamespace = 'reports'::regnamespace
                     AND proname IN ('turns', 'latency', 'calls', 'answer_cost', 'feedback', 'retrieval', 'scores')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET work_mem = ''32MB''', figure);
    END LOOP;
END
$do$;
