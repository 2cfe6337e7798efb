-- Facts of experiments, one row each, with ids, times and numbers. Made-up traffic has experiments too: origins do not mix.
CREATE VIEW reports.experiment AS
SELECT experiment.id AS experiment_id,
       experiment.name::text AS name,
       experiment.unit::text AS unit,
       experiment.origin::text AS origin,
       experiment.status::text AS status,
       experiment.primary_kpi::text AS primary_kpi,
       experiment.smallest_effect,
       experiment.is_aa,
       experiment.started_at,
       experiment.stopped_at,
       experiment.concluded_at,
       experiment.winner_id
  FROM monitoring_experiment AS experiment;

CREATE VIEW reports.variant AS
SELECT variant.id AS variant_id,
       variant.experiment_id,
       variant.name::text AS name,
       variant.config_id,
       variant.share / 10000.0::double precision AS share,
       variant.is_control
  FROM monitoring_variant AS variant;

-- is_pinned: somebody looks at it, and chose the variant. In conversations, the person who asks is pinned.
CREATE VIEW reports.exposure AS
SELECT exposure.id AS exposure_id,
       exposure.experiment_id,
       exposure.variant_id,
       exposure.user_id,
       exposure.conversation_id,
       exposure.turn_id,
       exposure.exposed_at,
       EXISTS (SELECT FROM monitoring_pin AS pin
                WHERE pin.experiment_id = exposure.experiment_id
                  AND pin.user_id = coalesce(exposure.user_id, conversation.user_id)) AS is_pinned
  FROM monitoring_exposure AS exposure
  LEFT JOIN chat_conversation AS conversation ON conversation.id = exposure.conversation_id;

CREATE VIEW reports.experiment_look AS
SELECT look.id AS look_id,
       look.experiment_id,
       look.variant_id,
       look.kpi::text AS kpi,
       CASE WHEN look.kpi = experiment.primary_kpi THEN 'primary'
            WHEN EXISTS (SELECT FROM monitoring_guardrail AS guardrail
                          WHERE guardrail.experiment_id = look.experiment_id AND guardrail.kpi = look.kpi) THEN 'guardrail'
            ELSE 'secondary' END AS role,
       look.looked_at,
       look.units,
       look.control,
       look.value,
       look.difference,
       look.low,
       look.high,
       look.fixed_low,
       look.fixed_high
  FROM monitoring_experimentlook AS look
  JOIN monitoring_experiment AS experiment ON experiment.id = look.experiment_id;
