"""The languages that rules are converted to: pySigma's, with what its backends lack of correlations.

At the pinned versions those of Splunk and ES|QL know no sums, and that of KQL knows no correlation at all. Windows are
those of the clock in all three: what is spread over the border of two may be seen in neither.
"""

from sigma.backends.elasticsearch import ESQLBackend, LuceneBackend
from sigma.backends.kusto import KustoBackend
from sigma.backends.splunk import SplunkBackend
from sigma.correlations import SigmaCorrelationConditionOperator as Operator


class Splunk(SplunkBackend):
    """Counts and sums take each record once, since it may have been delivered twice."""

    value_sum_condition_expression = {"stats": "| search value_sum {op} {count}"}


class SplunkCim(Splunk):
    pass


def _each_once(language, record_id):
    window = f"| dedup {record_id}\n| bin _time span={{timespan}}\n"
    for kind, expression in (("event_count", "count"), ("value_sum", "sum({field})")):
        stats = f"| stats {expression} as {kind} by _time{{groupby}}"
        setattr(language, f"{kind}_aggregation_expression", {"stats": window + stats})


_each_once(Splunk, "llm_audit.record.id")
_each_once(SplunkCim, "event_id")


class Esql(ESQLBackend):
    value_sum_aggregation_expression = {
        "stats": "| eval timebucket=date_trunc({timespan}, @timestamp) "
        "| stats value_sum=sum({field}){fields}{groupby}"
    }
    value_sum_condition_expression = {"stats": "| where value_sum {op} {count}"}


class Kql(KustoBackend):
    correlation_methods = {"summarize": "Correlation with summarize"}
    default_correlation_method = "summarize"
    default_correlation_query = {"summarize": "{search}\n{aggregate}\n{condition}"}
    temporal_correlation_query = {"summarize": "{search}\n{typing}\n{aggregate}\n{condition}"}
    correlation_search_single_rule_expression = "{query}"
    correlation_search_multi_rule_expression = "{queries}"
    correlation_search_multi_rule_query_expression = "({query})"
    correlation_search_multi_rule_query_expression_joiner = " or "
    typing_expression = "| extend event_type = case({queries}, \"\")"
    typing_rule_query_expression = '{query}, "{ruleid}"'
    typing_rule_query_expression_joiner = ", "
    timespan_mapping = {"s": "s", "m": "m", "h": "h", "d": "d"}
    groupby_expression = {"summarize": ", {fields}"}
    groupby_field_expression = {"summarize": "{field}"}
    groupby_field_expression_joiner = {"summarize": ", "}
    correlation_condition_mapping = {
        Operator.LT: "<",
        Operator.LTE: "<=",
        Operator.GT: ">",
        Operator.GTE: ">=",
        Operator.EQ: "==",
    }


def _summarized(kind, expression):
    summarize = "| summarize {} = {} by bin(TimeGenerated, {{timespan}}){{groupby}}"
    setattr(Kql, f"{kind}_aggregation_expression", {"summarize": summarize.format(kind, expression)})
    setattr(Kql, f"{kind}_condition_expression", {"summarize": f"| where {kind} {{op}} {{count}}"})


_summarized("event_count", "count()")
_summarized("value_count", "dcount({field})")
_summarized("value_sum", "sum({field})")
_summarized("temporal", "dcount(event_type)")


class Lucene(LuceneBackend):
    """Knows no correlations: for these there is ES|QL."""
