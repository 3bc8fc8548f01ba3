// The records themselves, in Loki: who spent what, what was blocked, found and changed, and what is missing. An attribute of a
// record has the name it has everywhere, with `_` for each dot, as Loki writes what comes by OTLP.
'use strict';

const dashboard = require('@grafana/grafana-foundation-sdk/dashboard');
const loki = require('@grafana/grafana-foundation-sdk/loki');

const { bars, logs, row, series, sourceVariable, stat, table, text } = require('./panels.cjs');

const { variable: SOURCE_VARIABLE, source: SOURCE } = sourceVariable('loki', 'Loki');

const STREAM = '{service_name=~"$service"}';
// A call without a model, or a user, has no such field, which fits the expression that fits everything.
const CALLS = `${STREAM} | llm_audit_kind="call" | user_id=~"$user" | gen_ai_request_model=~"$model"`;
const GAPS = `${STREAM} | llm_audit_system_event="gap"`;

module.exports = function trail() {
    const built = new dashboard.DashboardBuilder('LLM audit trail')
        .description('Records of LLM calls, of changes and accesses, and of the trail itself.')
        .tags(['llm-audit'])
        .time({ from: 'now-6h', to: 'now' })
        .withVariable(SOURCE_VARIABLE)
        .withVariable(services())
        .withVariable(text('user', 'User', 'A regular expression for the whole identifier of a user'))
        .withVariable(text('model', 'Model', 'A regular expression for the whole name of a model'));
    for (const [title, panels] of Object.entries({
        Overview: overview(),
        Cost: money(),
        Outcomes: outcomes(),
        Sanitization: sanitization(),
        'Changes and accesses': changes(),
        'What is missing': losses(),
        Records: records(),
    })) {
        built.withRow(row(title));
        panels.forEach((panel) => built.withPanel(panel));
    }
    return built;
};

function overview() {
    const count = (query) => `sum(count_over_time(${query} [$__range]))`;
    return [
        stat({ title: 'Calls', description: 'Records of calls in the range, agents and tools too.', ...one(count(CALLS)), unit: 'short' }),
        stat({
            title: 'Failed',
            description: 'Calls that ended with an error.',
            ...one(count(`${CALLS} | llm_audit_status="error"`)),
            unit: 'short',
        }),
        stat({
            title: 'Cost',
            description: 'US dollars, of the calls whose cost is known.',
            ...one(`sum(${sum('llm_audit_cost_usd')})`),
            unit: 'currencyUSD',
        }),
        stat({
            title: 'Blocked',
            description: 'Calls that a policy, a guardrail or the provider blocked.',
            ...one(count(`${CALLS} | llm_audit_status="blocked"`)),
            unit: 'short',
        }),
        stat({
            title: 'Values sanitized',
            description: 'Personal data and secrets found before sending.',
            ...one(`sum(${sum('llm_audit_sanitization_count')})`),
            unit: 'short',
        }),
        stat({
            title: 'Gaps',
            description: 'Records that tell of lost ones. It should be 0; "What is missing" has them.',
            ...one(count(GAPS)),
            unit: 'short',
            bad: 1,
        }),
    ];
}

function money() {
    const by = (labels, attribute) => `topk(20, sum by (${labels}) (${sum(attribute)}))`;
    return [
        bars({
            title: 'Cost by user',
            description: 'The twenty users whose calls cost most, in US dollars. Calls without a user are one of them.',
            ...one(by('user_id', 'llm_audit_cost_usd'), '{{user_id}}'),
            unit: 'currencyUSD',
        }),
        bars({
            title: 'Cost by model',
            description: 'US dollars in the range.',
            ...one(by('gen_ai_request_model', 'llm_audit_cost_usd'), '{{gen_ai_request_model}}'),
            unit: 'currencyUSD',
        }),
        bars({
            title: 'Cost by user and model',
            description: 'The twenty pairs of a user and a model that cost most, in US dollars.',
            ...one(by('user_id, gen_ai_request_model', 'llm_audit_cost_usd'), '{{user_id}} {{gen_ai_request_model}}'),
            unit: 'currencyUSD',
        }),
        bars({
            title: 'Tokens by user',
            description: 'The twenty users whose calls took most output tokens.',
            ...one(by('user_id', 'gen_ai_usage_output_tokens'), '{{user_id}}'),
            unit: 'short',
        }),
    ];
}

function outcomes() {
    const by = (label, query) => `sum by (${label}) (count_over_time(${query} [$__auto]))`;
    return [
        series({
            title: 'Calls by status',
            description: 'Records of calls in each step of the graph.',
            ...many([[by('llm_audit_status', CALLS), '{{llm_audit_status}}']]),
            unit: 'short',
            stacked: true,
        }),
        series({
            title: 'Errors and blocks by reason',
            description: 'Records of calls that failed or were blocked, by the class of the error or the reason of the block.',
            ...many([
                [by('error_type', `${CALLS} | llm_audit_status="error"`), 'error: {{error_type}}'],
                [by('llm_audit_status_reason', `${CALLS} | llm_audit_status="blocked"`), 'blocked: {{llm_audit_status_reason}}'],
            ]),
            unit: 'short',
            stacked: true,
        }),
        logs({
            title: 'Failed and blocked calls',
            description: 'The records, newest first. Open one for its attributes.',
            ...lines(`${CALLS} | llm_audit_status=~"error|blocked"`),
        }),
    ];
}

function sanitization() {
    const classes = CLASSES.map((name) => [`sum(${sum(`llm_audit_sanitization_${name}`)})`, name]);
    return [
        bars({
            title: 'Found by class',
            description: 'Values found before sending, for the classes that are met most; a class is a field of its own in a record.',
            source: SOURCE,
            queries: classes.map(([expression, name]) => query(expression).instant(true).range(false).queryType('instant').legendFormat(name)),
            unit: 'short',
        }),
        bars({
            title: 'Found by user',
            description: 'The twenty users in whose prompts most was found.',
            ...one(`topk(20, sum by (user_id) (${sum('llm_audit_sanitization_count')}))`, '{{user_id}}'),
            unit: 'short',
        }),
    ];
}

function changes() {
    return [
        logs({
            title: 'Changes',
            description: 'Changes of prompts, settings, keys and whatever else the application tells, with who made them.',
            ...lines(`${STREAM} | llm_audit_kind="change"`),
        }),
        logs({
            title: 'Accesses that were denied or failed',
            description: 'Logins, reads and exports that did not go through.',
            ...lines(`${STREAM} | llm_audit_kind="access" | llm_audit_access_outcome=~"denied|failed"`),
        }),
    ];
}

function losses() {
    const detail = '| line_format `{{.llm_audit_system_detail}}` | json count="count", reason="reason"';
    return [
        bars({
            title: 'Records lost by reason',
            description: 'How many records the gap records say are lost. A torn tail has no count: nobody knows it.',
            ...one(`sum by (reason) (sum_over_time(${GAPS} ${detail} | unwrap count [$__range]))`, '{{reason}}'),
            unit: 'short',
        }),
        logs({
            title: 'The trail about itself',
            description: 'Starts, stops, gaps, what was taken over from processes that are gone, and changes of the configuration.',
            ...lines(`${STREAM} | llm_audit_kind="system" | llm_audit_system_event!="heartbeat"`),
            width: 12,
        }),
    ];
}

function records() {
    const columns = {
        Time: 'Time',
        llm_audit_kind: 'Kind',
        llm_audit_status: 'Status',
        user_id: 'User',
        gen_ai_provider_name: 'Provider',
        gen_ai_request_model: 'Model',
        gen_ai_usage_input_tokens: 'Input tokens',
        gen_ai_usage_output_tokens: 'Output tokens',
        llm_audit_cost_usd: 'Cost',
        llm_audit_latency_ms: 'Latency',
        llm_audit_sanitization_count: 'Sanitized',
        trace_id: 'Trace',
        llm_audit_record_id: 'Record',
    };
    const names = Object.keys(columns);
    return [
        table({
            title: 'Records of calls',
            description: 'The last thousand that fit. The record id is that of the JSON lines and of the command line.',
            ...lines(CALLS),
            height: 12,
            transformations: [
                { id: 'extractFields', options: { source: 'labels', format: 'json', replace: false } },
                {
                    id: 'organize',
                    options: {
                        includeByName: Object.fromEntries(names.map((name) => [name, true])),
                        indexByName: Object.fromEntries(names.map((name, at) => [name, at])),
                        renameByName: columns,
                    },
                },
            ],
            columns: { Cost: 'currencyUSD', Latency: 'ms' },
        }),
    ];
}

/** The sum of an attribute of calls over the range. */
function sum(attribute) {
    return `sum_over_time(${CALLS} | unwrap ${attribute} [$__range])`;
}

function one(expression, legend = '') {
    return { source: SOURCE, queries: [query(expression).instant(true).range(false).queryType('instant').legendFormat(legend)] };
}

function many(queries) {
    return {
        source: SOURCE,
        queries: queries.map(([expression, legend]) => query(expression).queryType('range').legendFormat(legend)),
    };
}

function lines(expression) {
    return { source: SOURCE, queries: [query(expression).queryType('range').maxLines(1000)] };
}

function query(expression) {
    return new loki.DataqueryBuilder().expr(expression).editorMode(loki.QueryEditorMode.Code);
}

function services() {
    return new dashboard.QueryVariableBuilder('service')
        .label('Service')
        .datasource(SOURCE)
        .query({ label: 'service_name', refId: 'service', stream: '', type: 1 })
        .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
        .sort(dashboard.VariableSort.AlphabeticalAsc)
        .multi(true)
        .includeAll(true)
        // Loki wants a matcher that the empty text does not fit.
        .allValue('.+')
        .current({ text: ['All'], value: ['$__all'], selected: true });
}

// Those of llm_audit::sanitize::Class that are met most; the others are a line here each.
const CLASSES = ['api_key', 'bearer', 'credit_card', 'date_of_birth', 'email', 'iban', 'ip_address', 'jwt', 'phone', 'secret', 'us_ssn'];
