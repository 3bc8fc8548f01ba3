// What calls do and cost, and how the trail is: Prometheus, with the metrics of the application's meter, a section with those
// that the collector makes of spans, and one with the collector's own.
'use strict';

const dashboard = require('@grafana/grafana-foundation-sdk/dashboard');
const prometheus = require('@grafana/grafana-foundation-sdk/prometheus');

const { bars, constant, row, series, sourceVariable, stat, table } = require('./panels.cjs');

const { variable: SOURCE_VARIABLE, source: SOURCE } = sourceVariable('prometheus', 'Prometheus');

// Calls of a model, without the agents and tools around them.
const CALLS = 'job=~"$service", gen_ai_provider_name=~"$provider", gen_ai_request_model=~"$model"';
const DURATION = 'gen_ai_client_operation_duration_seconds';
const INFERENCES = `${CALLS}, gen_ai_operation_name!~"$aggregates"`;
const AUDITOR = 'job=~"$service"';
const MODEL = 'gen_ai_provider_name, gen_ai_request_model';
const NAME_OF_MODEL = '{{gen_ai_provider_name}} {{gen_ai_request_model}}';

module.exports = function calls() {
    const built = new dashboard.DashboardBuilder('LLM calls')
        .description('Calls of LLMs, what they cost, and whether their audit trail is whole.')
        .tags(['llm-audit'])
        .time({ from: 'now-6h', to: 'now' })
        .refresh('1m')
        .withVariable(SOURCE_VARIABLE)
        .withVariable(choice('service', 'Service', 'llm_audit_spool_limit_bytes', 'job'))
        .withVariable(choice('provider', 'Provider', `${DURATION}_count{job=~"$service"}`, 'gen_ai_provider_name'))
        .withVariable(choice('model', 'Model', `${DURATION}_count{job=~"$service"}`, 'gen_ai_request_model'))
        .withVariable(constant('aggregates', AGGREGATES.join('|')));
    for (const [title, panels] of Object.entries({
        Overview: overview(),
        Calls: outcomes(),
        'Tokens and cost': money(),
        'Policy and sanitization': gate(),
        'The trail itself': trail(),
        Collector: collector(),
    })) {
        built.withRow(row(title));
        panels.forEach((panel) => built.withPanel(panel));
    }
    return built;
};

function overview() {
    const failed = `sum(increase(${DURATION}_count{${INFERENCES}, error_type!=""}[$__range]))`;
    const all = `sum(increase(${DURATION}_count{${INFERENCES}}[$__range]))`;
    const lost = (metric) => `(sum(increase(${metric}[$__range])) or vector(0))`;
    return [
        stat({
            title: 'Calls',
            description: 'Calls of models that ended, in the range. Agents and tools are not counted: their calls are.',
            ...one(all),
            unit: 'short',
        }),
        stat({
            title: 'Failed',
            description: 'The part of the calls that ended with an error.',
            ...one(`(${failed} or vector(0)) / ${all}`),
            unit: 'percentunit',
            bad: 0.05,
        }),
        stat({
            title: 'Latency, p95',
            description: 'Of a hundred calls, 95 took less.',
            ...one(quantile(0.95, `rate(${DURATION}_bucket{${INFERENCES}}[$__range])`)),
            unit: 's',
        }),
        stat({
            title: 'Cost',
            description: 'US dollars, of the calls whose cost is known; the panel "Calls without a cost" says which are not.',
            ...one(`sum(increase(llm_audit_cost_usd_total{${CALLS}}[$__range]))`),
            unit: 'currencyUSD',
        }),
        stat({
            title: 'Blocked',
            description: 'Calls that a policy, a guardrail or the provider blocked. Of all models: records are not counted by model.',
            ...one(`sum(increase(llm_audit_record_written_total{${AUDITOR}, llm_audit_status="blocked"}[$__range])) or vector(0)`),
            unit: 'short',
        }),
        stat({
            title: 'Records lost',
            description: 'Records that could not be written, or that the receiver refused for good. It should be 0.',
            ...one(
                `${lost(`llm_audit_record_dropped_total{${AUDITOR}}`)}` +
                    ` + ${lost(`llm_audit_record_dead_letter_total{${AUDITOR}, llm_audit_signal="log"}`)}`,
            ),
            unit: 'short',
            bad: 1,
        }),
    ];
}

function outcomes() {
    const buckets = `rate(${DURATION}_bucket{${INFERENCES}}[$__rate_interval])`;
    const firstChunk = `rate(gen_ai_client_operation_time_to_first_chunk_seconds_bucket{${CALLS}}[$__rate_interval])`;
    return [
        series({
            title: 'Calls by model',
            description: 'Calls that ended, a second.',
            ...many([[`sum by (${MODEL}) (rate(${DURATION}_count{${INFERENCES}}[$__rate_interval]))`, NAME_OF_MODEL]]),
            unit: 'reqps',
            stacked: true,
        }),
        series({
            title: 'Errors by class',
            description: 'Calls that ended with an error, a second. _OTHER is an error whose class is a text and no word.',
            ...many([
                [`sum by (error_type) (rate(${DURATION}_count{${INFERENCES}, error_type!=""}[$__rate_interval]))`, '{{error_type}}'],
            ]),
            unit: 'reqps',
            stacked: true,
        }),
        series({
            title: 'Latency',
            description: 'From the start of a call to its end; of a stream, to its last piece.',
            ...many([0.5, 0.95, 0.99].map((share) => [quantile(share, buckets), `p${share * 100}`])),
            unit: 's',
        }),
        series({
            title: 'Latency by model, p95',
            description: 'Of a hundred calls of a model, 95 took less.',
            ...many([[quantile(0.95, buckets, MODEL), NAME_OF_MODEL]]),
            unit: 's',
        }),
        series({
            title: 'Time to the first piece of a stream',
            description: 'How long somebody looks at nothing. Only of calls that were streamed.',
            ...many([0.5, 0.95].map((share) => [quantile(share, firstChunk), `p${share * 100}`])),
            unit: 's',
        }),
        series({
            title: 'Outcomes',
            description: 'Records of calls by status, a second. Agents and tools have records too.',
            ...many([
                [
                    `sum by (llm_audit_status) (rate(llm_audit_record_written_total{${AUDITOR}, llm_audit_kind="call"}[$__rate_interval]))`,
                    '{{llm_audit_status}}',
                ],
            ]),
            unit: 'reqps',
            stacked: true,
        }),
    ];
}

function money() {
    const tokens = (kind) => `gen_ai_client_token_usage_sum{${CALLS}${kind}}`;
    const total = (metric) => `sum by (${MODEL}) (increase(${metric}[$__range]))`;
    return [
        series({
            title: 'Tokens',
            description: 'Tokens a second: input with what came from the cache, output with reasoning.',
            ...many([[`sum by (gen_ai_token_type) (rate(${tokens('')}[$__rate_interval]))`, '{{gen_ai_token_type}}']]),
            unit: 'short',
            stacked: true,
        }),
        series({
            title: 'Cost by model, an hour',
            description: 'US dollars that an hour would cost, going by the last minutes.',
            ...many([[`3600 * sum by (${MODEL}) (rate(llm_audit_cost_usd_total{${CALLS}}[$__rate_interval]))`, NAME_OF_MODEL]]),
            unit: 'currencyUSD',
            stacked: true,
        }),
        table({
            title: 'By provider and model',
            description: 'Calls, tokens and cost in the range. Sums over minutes, so not exact: the exact amounts are in the records.',
            source: SOURCE,
            width: 16,
            queries: [
                tableQuery(total(`${DURATION}_count{${INFERENCES}}`)),
                tableQuery(total(tokens(', gen_ai_token_type="input"'))),
                tableQuery(total(tokens(', gen_ai_token_type="output"'))),
                tableQuery(total(`llm_audit_cost_usd_total{${CALLS}}`)),
            ],
            transformations: [
                { id: 'merge', options: {} },
                {
                    id: 'organize',
                    options: {
                        excludeByName: { Time: true },
                        renameByName: {
                            gen_ai_provider_name: 'Provider',
                            gen_ai_request_model: 'Model',
                            'Value #A': 'Calls',
                            'Value #B': 'Input tokens',
                            'Value #C': 'Output tokens',
                            'Value #D': 'Cost',
                        },
                    },
                },
            ],
            columns: { Calls: 'short', 'Input tokens': 'short', 'Output tokens': 'short', Cost: 'currencyUSD' },
        }),
        bars({
            title: 'Calls without a cost',
            description: 'Calls whose cost is not known, by the reason. unknown_model: put the model into the price table.',
            ...one(`sum by (llm_audit_cost_reason) (increase(llm_audit_cost_unknown_total{${CALLS}}[$__range]))`, '{{llm_audit_cost_reason}}'),
            unit: 'short',
            width: 8,
        }),
    ];
}

function gate() {
    return [
        series({
            title: 'Personal data and secrets found, by class',
            description: 'Values found before sending, a second, and what was done. applied: replaced; observed: only counted.',
            ...many([
                [
                    `sum by (llm_audit_sanitization_class, llm_audit_sanitization_status)` +
                        ` (rate(llm_audit_sanitization_matches_total{${AUDITOR}}[$__rate_interval]))`,
                    '{{llm_audit_sanitization_class}} ({{llm_audit_sanitization_status}})',
                ],
            ]),
            unit: 'cps',
            stacked: true,
        }),
        series({
            title: 'Blocked by model',
            description: 'Blocked calls, a second. Counted by the collector from spans, which must reach it.',
            ...many([
                [
                    'sum by (gen_ai_request_model) (rate(llm_audit_calls_total{service_name=~"$service",' +
                        ' gen_ai_request_model=~"$model", llm_audit_status="blocked"}[$__rate_interval]))',
                    '{{gen_ai_request_model}}',
                ],
            ]),
            unit: 'reqps',
            stacked: true,
        }),
    ];
}

function trail() {
    const of = '{{job}} {{instance}}';
    const rate = (metric, more = '') => `sum by (job, instance) (rate(${metric}{${AUDITOR}${more}}[$__rate_interval]))`;
    const count = (metric, more = '') => `sum by (job) (increase(${metric}{${AUDITOR}${more}}[$__rate_interval]))`;
    return [
        series({
            title: 'Records that wait',
            description: 'Records in the spool that somebody has not got yet. It falls back to 0 in seconds while the receiver is there.',
            ...many([[`llm_audit_record_undelivered{${AUDITOR}}`, of]]),
            unit: 'short',
        }),
        series({
            title: 'Oldest unsent record',
            description: 'How long the oldest record that waits has waited. Nothing is shown where none waits.',
            ...many([[`llm_audit_record_oldest_undelivered_age_seconds{${AUDITOR}}`, of]]),
            unit: 's',
        }),
        series({
            title: 'Spool',
            description: 'What the spool takes on disk, of what it may take. At 100 % records are lost, or calls are refused.',
            ...many([[`llm_audit_spool_usage_bytes{${AUDITOR}} / llm_audit_spool_limit_bytes{${AUDITOR}}`, of]]),
            unit: 'percentunit',
            max: 1,
        }),
        series({
            title: 'Delivered',
            description: 'Records that the receiver acknowledged, a second, as log records and as spans.',
            ...many([
                [rate('llm_audit_record_delivered_total', ', llm_audit_signal="log"'), `${of} records`],
                [rate('llm_audit_record_delivered_total', ', llm_audit_signal="span"'), `${of} spans`],
            ]),
            unit: 'cps',
        }),
        series({
            title: 'Losses',
            description:
                'Records that could not be written, those refused for good, which are in the dead letter with the reason, and' +
                ' calls that were not made, since nobody could have recorded them.',
            ...many([
                [count('llm_audit_record_dropped_total'), '{{job}} not written'],
                [count('llm_audit_call_refused_total'), '{{job}} calls refused'],
                [count('llm_audit_record_dead_letter_total', ', llm_audit_signal="log"'), '{{job}} records refused'],
                [count('llm_audit_record_dead_letter_total', ', llm_audit_signal="span"'), '{{job}} spans refused'],
            ]),
            unit: 'short',
        }),
        series({
            title: 'Failed deliveries and fsyncs',
            description: 'Attempts to deliver that failed, which are tried again, and fsyncs that failed.',
            ...many([
                [count('llm_audit_delivery_failed_total'), '{{job}} deliveries'],
                [count('llm_audit_spool_sync_failed_total'), '{{job}} fsyncs'],
            ]),
            unit: 'short',
        }),
    ];
}

function collector() {
    // With `_total` or without, as the collector is set up. A series begins with its first failure, which is one already.
    const young = (name) => `(${name} unless ${name} offset $__rate_interval)`;
    const failed = (by, metric) => {
        const name = `{__name__=~"${metric}(_total)?"}`;
        return `sum by (${by}) (${young(name)} or increase(${name}[$__rate_interval]))`;
    };
    return [
        series({
            title: 'Queues of exporters',
            description: 'What waits in a queue, of what it holds. A full one makes senders wait. Of the collector itself.',
            ...many([
                ['otelcol_exporter_queue_size / otelcol_exporter_queue_capacity', '{{instance}} {{exporter}} {{data_type}}'],
            ]),
            unit: 'percentunit',
            max: 1,
        }),
        series({
            title: 'What the collector could not hand on',
            description:
                'Records and spans that a destination refused for good or that did not fit into a queue, and what was refused' +
                ' at the door, which senders keep. The copy in logs.jsonl has the records.',
            ...many([
                [failed('exporter', 'otelcol_exporter_send_failed_log_records'), '{{exporter}} records'],
                [failed('exporter', 'otelcol_exporter_send_failed_spans'), '{{exporter}} spans'],
                [failed('exporter', 'otelcol_exporter_enqueue_failed_log_records'), '{{exporter}} records, queue'],
                [failed('instance', 'otelcol_receiver_refused_log_records'), '{{instance}} at the door'],
            ]),
            unit: 'short',
        }),
    ];
}

function one(expression, legend = '') {
    return { source: SOURCE, queries: [query(expression).instant().legendFormat(legend)] };
}

function many(queries) {
    return { source: SOURCE, queries: queries.map(([expression, legend]) => query(expression).range().legendFormat(legend)) };
}

function tableQuery(expression) {
    return query(expression).instant().format(prometheus.PromQueryFormat.Table);
}

function query(expression) {
    return new prometheus.DataqueryBuilder().expr(expression).editorMode(prometheus.QueryEditorMode.Code);
}

function quantile(share, buckets, by) {
    return `histogram_quantile(${share}, sum by (${['le', ...(by ? [by] : [])].join(', ')}) (${buckets}))`;
}

function choice(name, label, metric, of) {
    return new dashboard.QueryVariableBuilder(name)
        .label(label)
        .datasource(SOURCE)
        .query({ qryType: LABEL_VALUES, query: `label_values(${metric}, ${of})`, refId: name })
        .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
        .sort(dashboard.VariableSort.AlphabeticalAsc)
        .multi(true)
        .includeAll(true)
        .allValue('.*')
        .current({ text: ['All'], value: ['$__all'], selected: true });
}

// How Grafana's data source for Prometheus names a query for the values of a label.
const LABEL_VALUES = 1;

// Operations that have calls inside, which are counted.
const AGGREGATES = [
    'create_agent',
    'execute_tool',
    'fetch_response',
    'handle_conversation_turn',
    'invoke_agent',
    'invoke_workflow',
    'plan',
    'retrieval',
];
