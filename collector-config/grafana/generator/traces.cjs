// Calls in their traces: Tempo, with the spans that are views of records.
'use strict';

const dashboard = require('@grafana/grafana-foundation-sdk/dashboard');
const tempo = require('@grafana/grafana-foundation-sdk/tempo');

const { row, series, sourceVariable, table, text } = require('./panels.cjs');

const { variable: SOURCE_VARIABLE, source: SOURCE } = sourceVariable('tempo', 'Tempo');

const CALLS =
    'resource.service.name =~ "$service" && span.llm_audit.record.id != nil && span.gen_ai.request.model =~ "$model"';

module.exports = function traces() {
    return new dashboard.DashboardBuilder('LLM calls in their traces')
        .description('Spans of LLM calls: the slow ones, those that failed, and those of one user.')
        .tags(['llm-audit'])
        .time({ from: 'now-6h', to: 'now' })
        .withVariable(SOURCE_VARIABLE)
        .withVariable(text('service', 'Service', 'A regular expression for the whole name of a service'))
        .withVariable(text('model', 'Model', 'A regular expression for the whole name of a model'))
        .withVariable(
            text('user', 'Hash of a user', 'A regular expression for what `llm-audit hash --field user` prints; a span has no name of a user'),
        )
        .withRow(row('Calls over time'))
        .withPanel(
            series({
                title: 'Calls by model',
                description: 'Spans of calls, a second. Tempo must have its metrics of TraceQL switched on.',
                ...metrics(`{ ${CALLS} } | rate() by (span.gen_ai.request.model)`),
                unit: 'reqps',
                stacked: true,
            }),
        )
        .withPanel(
            series({
                title: 'Latency',
                description: 'From the start of a call to its end: half, 95 and 99 of a hundred took less.',
                ...metrics(`{ ${CALLS} } | quantile_over_time(duration, 0.5, 0.95, 0.99)`),
                unit: 's',
            }),
        )
        .withRow(row('Calls'))
        .withPanel(
            found('Slow calls', 'Traces with a call that took more than five seconds.', `{ ${CALLS} && duration > 5s }`),
        )
        .withPanel(
            found(
                'Failed and blocked calls',
                'Traces with a call that failed or that a policy, a guardrail or the provider blocked.',
                `{ ${CALLS} && span.llm_audit.status =~ "error|blocked" }`,
            ),
        )
        .withPanel(found('Calls of a user', 'Traces with a call of the users whose hash fits.', `{ ${CALLS} && span.user.hash =~ "$user" }`));
};

function found(title, description, expression) {
    const select = 'span.gen_ai.request.model, span.llm_audit.status, span.llm_audit.cost.usd, span.llm_audit.record.id';
    const query = new tempo.DataqueryBuilder()
        .query(`${expression} | select(${select})`)
        .queryType('traceql')
        .limit(50)
        .spss(3)
        .tableType(tempo.SearchTableType.Spans);
    return table({ title, description, source: SOURCE, queries: [query], columns: { 'llm_audit.cost.usd': 'currencyUSD' } });
}

function metrics(expression) {
    return { source: SOURCE, queries: [new tempo.DataqueryBuilder().query(expression).queryType('traceql').metricsQueryType(tempo.MetricsQueryType.Range)] };
}
