-- Hourly roll-ups: one row an hour (UTC) and combination of dimensions. Counts and sums only, so that any set of rows
-- adds up. Votes and scores stand at the hour of their turn, calls of models at their own. collection_id and config_id 0:
-- none. What each column counts is said once, in 3_rollups.sql.
CREATE SCHEMA reports;

CREATE TABLE reports.turn_hour (
    hour timestamptz NOT NULL,
    origin text NOT NULL,
    collection_id bigint NOT NULL,
    config_id bigint NOT NULL,
    model text NOT NULL,
    turns bigint NOT NULL,
    answers bigint NOT NULL,
    failed bigint NOT NULL,
    stopped bigint NOT NULL,
    interrupted bigint NOT NULL,
    unfinished bigint NOT NULL,
    conversations bigint NOT NULL,
    degraded bigint NOT NULL,
    refusals bigint NOT NULL,
    searched bigint NOT NULL,
    hits bigint NOT NULL,
    empty bigint NOT NULL,
    similarity_count bigint NOT NULL,
    similarity_sum double precision NOT NULL,
    cited bigint NOT NULL,
    citations bigint NOT NULL,
    removed_citations bigint NOT NULL,
    known_costs bigint NOT NULL,
    cost_usd numeric NOT NULL,
    cost_squares double precision NOT NULL,
    PRIMARY KEY (hour, origin, collection_id, config_id, model)
);

CREATE TABLE reports.latency_hour (
    hour timestamptz NOT NULL,
    origin text NOT NULL,
    collection_id bigint NOT NULL,
    config_id bigint NOT NULL,
    model text NOT NULL,
    measure text NOT NULL,
    count bigint NOT NULL,
    seconds double precision NOT NULL,
    histogram vector(170) NOT NULL,
    PRIMARY KEY (measure, hour, origin, collection_id, config_id, model)
);
-- 170 numbers stay in the row: fetched from elsewhere they would cost more than they save.
ALTER TABLE reports.latency_hour ALTER COLUMN histogram SET STORAGE PLAIN;

CREATE TABLE reports.feedback_hour (
    hour timestamptz NOT NULL,
    origin text NOT NULL,
    collection_id bigint NOT NULL,
    config_id bigint NOT NULL,
    model text NOT NULL,
    up bigint NOT NULL,
    down bigint NOT NULL,
    rated bigint NOT NULL,
    comments bigint NOT NULL,
    copies bigint NOT NULL,
    regenerated bigint NOT NULL,
    PRIMARY KEY (hour, origin, collection_id, config_id, model)
);

CREATE TABLE reports.score_hour (
    hour timestamptz NOT NULL,
    origin text NOT NULL,
    collection_id bigint NOT NULL,
    config_id bigint NOT NULL,
    model text NOT NULL,
    name text NOT NULL,
    source text NOT NULL,
    judge_version_id bigint NOT NULL, -- 0: not by a judge
    label text NOT NULL,
    bin smallint NOT NULL, -- tenth of the scale, 0 to 9; -1: unscored
    scores bigint NOT NULL,
    value_sum double precision NOT NULL,
    value_squares double precision NOT NULL,
    PRIMARY KEY (hour, origin, collection_id, config_id, model, name, source, judge_version_id, label, bin)
);

CREATE TABLE reports.call_hour (
    hour timestamptz NOT NULL,
    origin text NOT NULL,
    collection_id bigint NOT NULL,
    config_id bigint NOT NULL,
    model text NOT NULL, -- of the call
    purpose text NOT NULL,
    calls bigint NOT NULL,
    failed_calls bigint NOT NULL,
    attempts bigint NOT NULL,
    input_tokens bigint NOT NULL,
    cached_input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    unknown_token_calls bigint NOT NULL,
    estimated_token_calls bigint NOT NULL,
    exact_usd numeric NOT NULL,
    estimated_usd numeric NOT NULL,
    unknown_cost_calls bigint NOT NULL,
    duration_seconds double precision NOT NULL,
    PRIMARY KEY (hour, origin, collection_id, config_id, model, purpose)
);

-- Daily roll-ups (days of UTC), made of the hourly ones: what long ranges without steps are read from. The column that says when is
-- called `hour` here too, so that rows of both add up.
CREATE TABLE reports.turn_day (LIKE reports.turn_hour INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING STORAGE);
CREATE TABLE reports.latency_day (LIKE reports.latency_hour INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING STORAGE);
CREATE TABLE reports.feedback_day (LIKE reports.feedback_hour INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING STORAGE);
CREATE TABLE reports.score_day (LIKE reports.score_hour INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING STORAGE);
CREATE TABLE reports.call_day (LIKE reports.call_hour INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING STORAGE);

-- Hours whose roll-up is not true any more: written by triggers, taken by reports.refresh(). It is only ever added to, so
-- that answers that end at the same time do not wait for each other; an hour may stand there many times.
CREATE TABLE reports.change (
    kind text NOT NULL CHECK (kind IN ('turn', 'feedback', 'score', 'call')),
    hour timestamptz NOT NULL
);
-- which hours of a range are to be read from the rows themselves
CREATE INDEX change_by_hour ON reports.change (kind, hour);

-- Labels that say that something is wrong, by criterion: as in monitoring.judges.criteria, which a test holds against it.
CREATE TABLE reports.failing_label (
    name text NOT NULL,
    label text NOT NULL,
    PRIMARY KEY (name, label)
);
INSERT INTO reports.failing_label (name, label)
VALUES ('relevance', 'NON_RELEVANT'),
       ('groundedness', 'PARTLY_SUPPORTED'),
       ('groundedness', 'UNSUPPORTED'),
       ('context_relevance', 'NON_RELEVANT'),
       ('citation_accuracy', 'PARTLY_CORRECT'),
       ('citation_accuracy', 'WRONG'),
       ('refusal', 'REFUSED'),
       ('toxicity', 'TOXIC'),
       ('question_toxicity', 'TOXIC'),
       ('session_quality', 'BAD'),
       ('answer_correctness', 'bad');

-- How a version of a judge errs, as the labels of reviewers show it: written by monitoring.reports.judge_errors. What reviewers
-- said of synthetic turns corrects those, and no others.
CREATE TABLE reports.judge_error (
    judge_version_id bigint NOT NULL,
    is_synthetic boolean NOT NULL,
    sensitivity double precision NOT NULL,
    specificity double precision NOT NULL,
    failing_labels double precision NOT NULL, -- labelled turns that sensitivity rests on
    other_labels double precision NOT NULL, -- and specificity
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (judge_version_id, is_synthetic)
);
