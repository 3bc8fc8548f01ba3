// Queries in the languages of Loki and Tempo, by Grafana's own grammars: what its editor would underline is an error here.
// PromQL is asked of Prometheus itself, by the tests.
'use strict';

const GRAMMARS = {
    loki: ['LogQL', require('@grafana/lezer-logql').parser],
    tempo: ['TraceQL', require('@grafana/lezer-traceql').parser],
};

/** Throws where a query of a dashboard is none. */
function assertParses(dashboard) {
    for (const panel of dashboard.panels) {
        const grammar = GRAMMARS[panel.datasource?.type];
        for (const target of grammar ? panel.targets : []) {
            assertQuery(panel.title, grammar, plain(target.expr ?? target.query));
        }
    }
}

function assertQuery(title, [language, parser], query) {
    parser.parse(query).iterate({
        enter(node) {
            if (node.type.isError) {
                throw new Error(`${title}: no ${language} at character ${node.from}: ${query}`);
            }
        },
    });
}

/** With Grafana's variables replaced, as it does before it asks. */
function plain(query) {
    return query.replace(/\$(__range|__auto|__interval)/g, '5m').replace(/\$\{?\w+\}?/g, '.*');
}

module.exports = { assertParses };
