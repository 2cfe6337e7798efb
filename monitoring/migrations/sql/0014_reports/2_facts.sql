-- Facts: one row each, with ids, times, dimensions and numbers, and no text that a person wrote. Definitions of words such
-- as "answer", "failed" and "refusal" are here and nowhere else.
CREATE VIEW reports.turn AS
SELECT turn.id AS turn_id,
       turn.conversation_id,
       conversation.user_id,
       turn.position,
       turn.is_current,
       turn.created_at,
       turn.finished_at,
       turn.origin::text AS origin,
       coalesce(turn.collection_id, 0) AS collection_id,
       turn.config_id,
       turn.model::text AS model,
       turn.search_mode::text AS search_mode,
       turn.status::text AS status,
       turn.status IN ('DONE', 'STOPPED') AS is_answer,
       turn.status IN ('FAILED', 'INTERRUPTED') AS is_failed,
       turn.status IN ('PENDING', 'STREAMING') AS is_unfinished,
       turn.status IN ('DONE', 'STOPPED') AND turn.nothing_found IS TRUE AS is_refusal,
       turn.position = 1 AND turn.replaces_id IS NULL AS begins_conversation,
       turn.degraded <> '' AS is_degraded,
       turn.error_code::text AS error_code,
       turn.hit_count,
       turn.cited_count,
       turn.removed_citations,
       turn.top_similarity,
       turn.cost_usd,
       turn.rewrite_seconds,
       turn.expand_seconds,
       turn.embed_seconds,
       turn.search_seconds,
       turn.rerank_seconds,
       turn.context_seconds,
       turn.first_token_seconds,
       turn.total_seconds
  FROM chat_turn AS turn
  LEFT JOIN chat_conversation AS conversation ON conversation.id = turn.conversation_id;

-- asked_at is the turn's; given_at the vote's
CREATE VIEW reports.feedback AS
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
       feedback.comment <> '' AS has_comment
  FROM chat_feedback AS feedback
  JOIN chat_turn AS turn ON turn.id = feedback.turn_id;

CREATE VIEW reports.signal AS
SELECT signal.id AS signal_id,
       signal.turn_id,
       turn.conversation_id,
       signal.user_id,
       turn.created_at AS asked_at,
       signal.created_at AS given_at,
       turn.origin::text AS origin,
       coalesce(turn.collection_id, 0) AS collection_id,
       turn.config_id,
       turn.model::text AS model,
       signal.kind::text AS kind
  FROM chat_implicitsignal AS signal
  JOIN chat_turn AS turn ON turn.id = signal.turn_id;

CREATE VIEW reports.score AS
SELECT score.id AS score_id,
       score.turn_id,
       turn.conversation_id,
       turn.created_at AS asked_at,
       score.created_at AS given_at,
       turn.origin::text AS origin,
       coalesce(turn.collection_id, 0) AS collection_id,
       turn.config_id,
       turn.model::text AS model,
       score.name::text AS name,
       score.source::text AS source,
       coalesce(score.judge_version_id, 0) AS judge_version_id,
       score.value,
       score.label::text AS label,
       failing.label IS NOT NULL AS is_failing,
       score.duration_seconds,
       score.cost_usd
  FROM monitoring_score AS score
  JOIN chat_turn AS turn ON turn.id = score.turn_id
  LEFT JOIN reports.failing_label AS failing ON failing.name = score.name AND failing.label = score.label;

CREATE VIEW reports.call AS
SELECT call.id AS call_id,
       call.turn_id,
       turn.conversation_id,
       call.created_at AS called_at,
       coalesce(call.origin, turn.origin, 'EVALUATION')::text AS origin,
       coalesce(turn.collection_id, 0) AS collection_id,
       coalesce(turn.config_id, 0) AS config_id,
       call.model::text AS model,
       call.purpose::text AS purpose,
       call.error_code::text AS error_code,
       call.attempts,
       call.input_tokens,
       call.cached_input_tokens,
       call.output_tokens,
       call.reasoning_tokens,
       call.tokens_estimated,
       call.cost_usd,
       CASE WHEN call.cost_usd IS NULL THEN 'unknown'
            WHEN call.tokens_estimated THEN 'estimated'
            ELSE 'exact' END AS certainty,
       call.first_token_seconds,
       call.duration_seconds
  FROM chat_llmcall AS call
  LEFT JOIN chat_turn AS turn ON turn.id = call.turn_id;

CREATE VIEW reports.collection AS SELECT id AS collection_id, name::text AS name FROM chat_collection;

CREATE VIEW reports.config AS
SELECT id AS config_id, name || ' v' || version AS name, model::text AS model, search_mode::text AS search_mode, is_default
  FROM chat_pipelineconfig;

CREATE VIEW reports.judge_version AS
SELECT id AS judge_version_id,
       judge::text AS judge,
       criterion::text AS name,
       version::text AS version,
       family::text AS family,
       model::text AS model,
       standing = 'PROVEN' AS is_proven
  FROM monitoring_judgeversion;

-- n, mean and the share of failed items stand in reports.evaluation_scores
CREATE VIEW reports.evaluation_run AS
SELECT run.id AS run_id,
       run.created_at,
       run.finished_at,
       run.dataset_id,
       dataset.name::text AS dataset,
       run.version AS dataset_version,
       run.split::text AS split,
       run.config_id,
       config.name || ' v' || config.version AS config,
       run.kind::text AS kind,
       run.k,
       run.repeat,
       run.status::text AS status,
       run.total_items,
       run.done_items,
       run.duration_seconds,
       run.cost_usd,
       run.unpriced_calls
  FROM monitoring_evaluationrun AS run
  JOIN monitoring_dataset AS dataset ON dataset.id = run.dataset_id
  JOIN chat_pipelineconfig AS config ON config.id = run.config_id;
