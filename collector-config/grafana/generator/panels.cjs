// The panels that the dashboards are made of. Each takes a title, what it means, and queries; a panel without a description
// cannot be made.
'use strict';

const { PanelBuilder: Stat } = require('@grafana/grafana-foundation-sdk/stat');
const { PanelBuilder: TimeSeries } = require('@grafana/grafana-foundation-sdk/timeseries');
const { PanelBuilder: BarGauge } = require('@grafana/grafana-foundation-sdk/bargauge');
const { PanelBuilder: Logs } = require('@grafana/grafana-foundation-sdk/logs');
const { PanelBuilder: Table } = require('@grafana/grafana-foundation-sdk/table');
const common = require('@grafana/grafana-foundation-sdk/common');
const dashboard = require('@grafana/grafana-foundation-sdk/dashboard');

/** One number for the whole range. From `bad` on, if given, it is red. */
function stat({ bad, ...what }) {
    const steps = [{ value: null, color: 'green' }, ...(bad === undefined ? [] : [{ value: bad, color: 'red' }])];
    return panel(new Stat(), { width: 4, height: 4, ...what })
        .colorMode(bad === undefined ? common.BigValueColorMode.None : common.BigValueColorMode.Value)
        .graphMode(common.BigValueGraphMode.None)
        .reduceOptions(last())
        .thresholds(thresholds(steps));
}

/** Lines over time; areas on top of one another where `stacked`. */
function series({ stacked, max, ...what }) {
    const built = panel(new TimeSeries(), { width: 12, height: 8, ...what })
        .min(0)
        .fillOpacity(stacked ? 30 : 0)
        .stacking(new common.StackingConfigBuilder().mode(stacked ? common.StackingMode.Normal : common.StackingMode.None))
        .legend(new common.VizLegendOptionsBuilder().showLegend(true).displayMode(common.LegendDisplayMode.List).placement(common.LegendPlacement.Bottom))
        .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending));
    return max === undefined ? built : built.max(max);
}

/** One bar for each value. */
function bars(what) {
    return panel(new BarGauge(), { width: 12, height: 8, ...what })
        .orientation(common.VizOrientation.Horizontal)
        .displayMode(common.BarGaugeDisplayMode.Basic)
        .reduceOptions(last())
        .min(0)
        .thresholds(thresholds([{ value: null, color: 'blue' }]));
}

/** Rows with the columns named, each with its unit. */
function table({ columns, transformations = [], ...what }) {
    const built = panel(new Table(), { width: 24, height: 8, ...what });
    transformations.forEach((one) => built.withTransformation(one));
    for (const [name, unit] of Object.entries(columns)) {
        built.overrideByName(name, [{ id: 'unit', value: unit }]);
    }
    return built;
}

/** Lines of a log, newest first. */
function logs(what) {
    return panel(new Logs(), { width: 24, height: 8, ...what })
        .showTime(true)
        .wrapLogMessage(true)
        .enableLogDetails(true)
        .sortOrder(common.LogsSortOrder.Descending);
}

function panel(builder, { title, description, source, unit, width, height, queries }) {
    for (const [name, value] of Object.entries({ title, description, source, queries })) {
        if (!value) {
            throw new Error(`${title}: ${name} is missing`);
        }
    }
    builder.title(title).description(description).datasource(source).span(width).height(height);
    queries.forEach((query, index) => builder.withTarget(query.datasource(source).refId('ABCDEFGHIJKLMNOP'[index])));
    return unit === undefined ? builder : builder.unit(unit);
}

/** A data source that whoever imports the dashboard chooses. */
function sourceVariable(type, label) {
    const variable = new dashboard.DatasourceVariableBuilder(type).label(label).type(type);
    return { variable, source: { type, uid: `\${${type}}` } };
}

/** A text that the dashboard's queries have, which nobody sees or changes. */
function constant(name, value) {
    const variable = new dashboard.ConstantVariableBuilder(name).value(value);
    return { build: () => ({ ...variable.build(), hide: dashboard.VariableHide.HideVariable }) };
}

/** A regular expression that whoever looks at the dashboard may type. */
function text(name, label, description) {
    return new dashboard.TextBoxVariableBuilder(name).label(label).description(description).defaultValue('.*');
}

function last() {
    return new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']);
}

function thresholds(steps) {
    return new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps(steps);
}

function row(title) {
    return new dashboard.RowBuilder(title);
}

module.exports = { bars, constant, logs, row, series, sourceVariable, stat, table, text };
