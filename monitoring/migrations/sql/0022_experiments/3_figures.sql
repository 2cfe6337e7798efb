-- Experiments with a look in the range: what was known at the last one, by variant and KPI, against the control. Numbers are in the
-- KPI's own unit. low to high holds at all looks at once, fixed_low to fixed_high for who looks once; monitoring.experiments makes
-- both, once an hour.
CREATE FUNCTION reports.experiments(since timestamptz, until timestamptz)
RETURNS TABLE (experiment_id bigint, at timestamptz, experiment text, status text, origin text, variant text, kpi text, role text,
               units bigint, control double precision, value double precision, difference double precision,
               low double precision, high double precision, fixed_low double precision, fixed_high double precision)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
    WITH last AS (
        SELECT DISTINCT ON (look.variant_id, look.kpi) look.*
          FROM reports.experiment_look AS look
         WHERE look.looked_at >= experiments.since
           AND look.looked_at < experiments.until
         ORDER BY look.variant_id, look.kpi, look.looked_at DESC
    )
    SELECT last.experiment_id,
           last.looked_at,
           experiment.name,
           experiment.status,
           experiment.origin,
           variant.name,
           last.kpi,
           last.role,
           last.units::bigint,
           last.control,
           last.value,
           last.difference,
           last.low,
           last.high,
           last.fixed_low,
           last.fixed_high
      FROM last
      JOIN reports.experiment AS experiment ON experiment.experiment_id = last.experiment_id
      JOIN reports.variant AS variant ON variant.variant_id = last.variant_id
     ORDER BY last.experiment_id DESC, variant.variant_id, array_position(ARRAY['primary', 'guardrail', 'secondary'], last.role), last.kpi
$$;

REVOKE ALL ON FUNCTION reports.kpi_units, reports.experiment_sums, reports.unit_arrivals, reports.experiments FROM PUBLIC;
