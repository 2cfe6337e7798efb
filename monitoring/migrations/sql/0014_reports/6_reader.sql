-- Who may read: nobody but the owner of the tables and `reports_reader`, the role of dashboards. Figures run with the owner's
-- rights (SECURITY DEFINER), so that a reader needs no right on any table. A server on which roles may not be made goes
-- without the role; docs/grafana.md says how to make it.
DO $$
BEGIN
    CREATE ROLE reports_reader NOLOGIN;
EXCEPTION
    WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL; -- it is there, or may not be
END
$$;

CREATE FUNCTION reports.grant_reader()
RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
    figure text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'reports_reader') THEN
        RETURN false;
    END IF;
    GRANT USAGE ON SCHEMA reports TO reports_reader;
    GRANT SELECT ON reports.turn, reports.feedback, reports.signal, reports.score, reports.call, reports.collection,
                    reports.config, reports.judge_version, reports.evaluation_run TO reports_reader;
    FOR figure IN
        SELECT proc.oid::regprocedure FROM pg_proc AS proc
         WHERE proc.pronamespace = 'reports'::regnamespace AND proc.prosecdef
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO reports_reader', figure);
    END LOOP;
    RETURN true;
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA reports FROM PUBLIC;
SELECT reports.grant_reader();
