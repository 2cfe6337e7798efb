-- As in 0014, with the facts of experiments.
CREATE OR REPLACE FUNCTION reports.grant_reader()
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
                    reports.config, reports.judge_version, reports.evaluation_run, reports.experiment, reports.variant,
                    reports.exposure, reports.experiment_look TO reports_reader;
    FOR figure IN
        SELECT proc.oid::regprocedure FROM pg_proc AS proc
         WHERE proc.pronamespace = 'reports'::regnamespace AND proc.prosecdef
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO reports_reader', figure);
    END LOOP;
    RETURN true;
END
$$;

SELECT reports.grant_reader();
