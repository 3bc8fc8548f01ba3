-- Where clickhouse.yaml puts records, and what people ask of them. Run it once; running it again changes nothing.
--
--   otel_logs            what the exporter inserts: its columns, its names
--   records              the same, one row a record, with types; ReplacingMergeTree drops copies when parts merge
--   daily_cost           calls, tokens and US dollars by day, service, tenant and model
--   error_rate           share of calls that did not succeed, by hour and model
--   anomalies            days of a user whose cost is far above what this user's days cost
--   gaps                 numbers that are missing in a stream: records that are not here
--
-- Views say FINAL: they count no copy, merged or not. Costs are exact decimals, never floating-point numbers.

CREATE DATABASE IF NOT EXISTS llm_audit;

CREATE TABLE IF NOT EXISTS llm_audit.otel_logs
(
    Timestamp DateTime64(9),
    TraceId String,
    SpanId String,
    TraceFlags UInt8,
    SeverityText LowCardinality(String),
    SeverityNumber UInt8,
    ServiceName LowCardinality(String),
    Body String,
    ResourceSchemaUrl LowCardinality(String),
    ResourceAttributes Map(LowCardinality(String), String),
    ScopeSchemaUrl LowCardinality(String),
    ScopeName String,
    ScopeVersion LowCardinality(String),
    ScopeAttributes Map(LowCardinality(String), String),
    LogAttributes Map(LowCardinality(String), String),
    EventName String
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(Timestamp)
ORDER BY (ServiceName, Timestamp)
TTL toDateTime(Timestamp) + INTERVAL 2 YEAR;

CREATE TABLE IF NOT EXISTS llm_audit.records
(
    time DateTime64(9),
    record_id UUID,
    stream_id String,
    stream_seq UInt64,
    kind LowCardinality(String),
    service LowCardinality(String),
    tenant LowCardinality(String),
    user_id String,
    user_hash String,
    operation LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    status LowCardinality(String),
    error_type LowCardinality(String),
    input_tokens UInt64,
    output_tokens UInt64,
    cost_usd Nullable(Decimal(38, 18)), -- NULL: not known, see attributes['llm_audit.cost.reason']
    duration_ns UInt64,
    trace_id String,
    span_id String,
    body String,
    attributes Map(LowCardinality(String), String)
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (service, time, record_id)
TTL toDateTime(time) + INTERVAL 2 YEAR;

CREATE MATERIALIZED VIEW IF NOT EXISTS llm_audit.records_from_logs TO llm_audit.records AS
SELECT
    Timestamp AS time,
    toUUID(LogAttributes['llm_audit.record.id']) AS record_id,
    LogAttributes['llm_audit.stream.id'] AS stream_id,
    toUInt64OrZero(LogAttributes['llm_audit.stream.seq']) AS stream_seq,
    LogAttributes['llm_audit.kind'] AS kind,
    ServiceName AS service,
    LogAttributes['llm_audit.tenant'] AS tenant,
    LogAttributes['user.id'] AS user_id,
    LogAttributes['user.hash'] AS user_hash,
    LogAttributes['gen_ai.operation.name'] AS operation,
    LogAttributes['gen_ai.provider.name'] AS provider,
    LogAttributes['gen_ai.request.model'] AS model,
    LogAttributes['llm_audit.status'] AS status,
    LogAttributes['error.type'] AS error_type,
    toUInt64OrZero(LogAttributes['gen_ai.usage.input_tokens']) AS input_tokens,
    toUInt64OrZero(LogAttributes['gen_ai.usage.output_tokens']) AS output_tokens,
    toDecimal128OrNull(LogAttributes['llm_audit.cost.exact'], 18) AS cost_usd,
    toUInt64OrZero(LogAttributes['llm_audit.duration_ns']) AS duration_ns,
    TraceId AS trace_id,
    SpanId AS span_id,
    Body AS body,
    LogAttributes AS attributes
FROM llm_audit.otel_logs
WHERE LogAttributes['llm_audit.record.id'] != '';

CREATE VIEW IF NOT EXISTS llm_audit.daily_cost AS
SELECT
    toDate(time) AS day,
    service,
    tenant,
    model,
    count() AS calls,
    countIf(cost_usd IS NULL) AS calls_of_unknown_cost,
    sum(input_tokens) AS input,
    sum(output_tokens) AS output,
    sum(cost_usd) AS usd
FROM llm_audit.records FINAL
WHERE kind = 'call'
GROUP BY day, service, tenant, model;

CREATE VIEW IF NOT EXISTS llm_audit.error_rate AS
SELECT
    toStartOfHour(time) AS hour,
    service,
    model,
    count() AS calls,
    countIf(status = 'error') AS errors,
    countIf(status = 'blocked') AS blocked,
    errors / calls AS rate
FROM llm_audit.records FINAL
WHERE kind = 'call'
GROUP BY hour, service, model;

-- More than three times what the median day of this user costs, and more than a dollar; from a week of days on.
CREATE VIEW IF NOT EXISTS llm_audit.anomalies AS
WITH days AS
(
    SELECT toDate(time) AS day, tenant, user_hash, toFloat64(sum(cost_usd)) AS usd
    FROM llm_audit.records FINAL
    WHERE kind = 'call' AND user_hash != ''
    GROUP BY day, tenant, user_hash
),
usual AS
(
    SELECT tenant, user_hash, quantileExact(0.5)(usd) AS median, count() AS days
    FROM days
    GROUP BY tenant, user_hash
)
SELECT days.day AS day, days.tenant AS tenant, days.user_hash AS user_hash, days.usd AS usd, usual.median AS median
FROM days
INNER JOIN usual ON days.tenant = usual.tenant AND days.user_hash = usual.user_hash
WHERE usual.days >= 7 AND days.usd > 1 AND days.usd > 3 * usual.median;

-- Streams begin at 0 and have no holes. What TTL has taken shows as one hole before the first.
CREATE VIEW IF NOT EXISTS llm_audit.gaps AS
SELECT stream_id, min(stream_seq) AS first, max(stream_seq) AS last, last + 1 - uniqExact(stream_seq) AS missing
FROM llm_audit.records
GROUP BY stream_id
HAVING missing > 0;
