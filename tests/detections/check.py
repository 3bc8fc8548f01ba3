#!/usr/bin/env python3
"""Checks the Sigma rules of collector-config/detections: schema, names, what they find and what they leave, conversion.

    check.py [--forms DIRECTORY] [--bless]

Rules are evaluated by SQLite, on queries that pySigma makes of them: on records as they leave the auditor, and with
--forms on what `cargo test --test detections` wrote there, the same records in formats of SIEMs, by the pipeline of each.
--bless writes the converted queries anew. Needs what requirements.txt names; .ci/sigma brings it.
"""

import argparse
import json
import re
import sqlite3
import sys
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.correlations import SigmaCorrelationRule
from sigma.processing.pipeline import ProcessingPipeline
from sigma.validation import SigmaValidator
from sigma.validators.core import validators

from languages import Esql, Kql, Lucene, Splunk, SplunkCim

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DETECTIONS = ROOT / "collector-config" / "detections"
RULES = sorted((DETECTIONS / "rules").glob("*.yml"))

# File of queries: its pipeline, its language, and whether that knows correlations.
TARGETS = {
    "splunk.spl": ("splunk", Splunk, True),
    "splunk-cim.spl": ("splunk-cim", SplunkCim, True),
    "elastic.lucene": ("elastic", Lucene, False),
    "elastic.esql": ("elastic", Esql, True),
    "elastic-ecs.esql": ("elastic-ecs", Esql, True),
    "sentinel.kql": ("sentinel", Kql, True),
}

# Validators that fetch their lists from the network; that of tags' name spaces, which does not know OWASP's; and that of
# numbers, since a class of error is a text even where it is 429.
LEFT_OUT = {"attacktag", "d3_fendtag", "namespace_tag", "number_as_string"}

# Format of the records: its column of FIELDS.md, when an event was, and how a field's place is written where the table
# says that it is inside of another.
FORMS = {
    "elastic-ecs": ("ECS", lambda event: event["@timestamp"], None),
    "ocsf": ("OCSF 1.8.0", lambda event: event["time"] / 1000, "unmapped.{}"),
    "sentinel": ("ASIM", lambda event: event["TimeGenerated"], None),
    "splunk-cim": ("Splunk HEC", lambda event: event["time"], "{}"),
}

# Where a pipeline says something else than FIELDS.md, for a reason that stands in the pipeline.
EXCEPTIONS = {("elastic-ecs", "client.address"), ("splunk-cim", "llm_audit.system.detail")}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--forms", type=Path)
    arguments.add_argument("--bless", action="store_true")
    arguments = arguments.parse_args()
    faults = check_schema() + check_validators() + check_names()
    faults += check_form("wire", [], DETECTIONS / "events", flat, lambda event: event["@timestamp"])
    for form, (_, when, _) in FORMS.items():
        if arguments.forms:
            reader = {"splunk-cim": splunk, "sentinel": sentinel}.get(form, flat)
            faults += check_form(form, [form], arguments.forms / form, reader, when)
    for name, target in TARGETS.items():
        faults += check_queries(DETECTIONS / "queries" / name, convert(*target), arguments.bless)
    for fault in faults:
        print("error:", fault, file=sys.stderr)
    sys.exit(1 if faults else 0)


def check_schema():
    """Every document by SigmaHQ's JSON Schema of its kind, and with what we ask for beyond."""
    schemas = {
        kind: Draft202012Validator(json.loads((HERE / "schema" / f"sigma-{kind}-schema.json").read_text()))
        for kind in ("detection-rule", "correlation-rules")
    }
    faults, ids = [], set()
    for file in RULES:
        documents = list(yaml.safe_load_all(file.read_text()))
        for document in documents:
            # As YAML knows dates and Sigma's schema has texts.
            plain = json.loads(json.dumps(document, default=str))
            kind = "correlation-rules" if "correlation" in plain else "detection-rule"
            faults += [f"{file.name}: {fault.message}" for fault in schemas[kind].iter_errors(plain)]
            if plain["id"] in ids:
                faults.append(f"{file.name}: the id {plain['id']} is there twice")
            ids.add(plain["id"])
        rule = documents[-1]
        if rule.get("name") != file.stem:
            faults.append(f"{file.name}: the last rule is not named {file.stem}")
        for key in ("falsepositives", "tags", "references", "description"):
            if not rule.get(key):
                faults.append(f"{file.name}: the rule has no {key}")
    print(f"{len(RULES)} rules, {len(ids)} documents: checked against the schema")
    return faults


def check_validators():
    """pySigma's own validators, but for those that need the network."""
    chosen = {name: each for name, each in validators.items() if name not in LEFT_OUT}
    validator = SigmaValidator(chosen.values())
    found = []
    for file in RULES:
        for rule in SigmaCollection.from_yaml(file.read_text()).rules:
            found += [f"{file.name}: {issue}" for issue in validator.validate_rule(rule)]
    found += [f"rules: {issue}" for issue in validator.finalize()]
    print(f"{len(chosen)} validators, {len(found)} issues")
    return found


def check_names():
    """The names in pipelines are those of FIELDS.md."""
    lines = [line for line in (ROOT / "collector-config" / "FIELDS.md").read_text().splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]
    table = {row[0]: dict(zip(head, row)) for row in rows}
    faults, count = [], 0
    for form, (column, _, inside) in FORMS.items():
        inside = inside or "{}"
        pipeline = yaml.safe_load((DETECTIONS / "pipelines" / f"{form}.yml").read_text())
        for step in pipeline["transformations"]:
            for field, name in step.get("mapping", {}).items():
                row = table.get("llm_audit.action (of a change)" if step["id"] == "action_of_a_change" else field)
                if row is None or (form, field) in EXCEPTIONS:
                    continue
                place = row[column]
                if place.startswith("in "):
                    place = field.replace(".", "_") if form == "sentinel" else inside.format(field)
                count += 1
                if name != place:
                    faults.append(f"pipelines/{form}.yml: {field} is {name}, but FIELDS.md says {place}")
    print(f"{count} names in pipelines: as in FIELDS.md")
    return faults


def pipeline_of(names):
    files = [DETECTIONS / "pipelines" / f"{name}.yml" for name in ["site", "logsource", *names]]
    return sum((ProcessingPipeline.from_yaml(file.read_text()) for file in files), ProcessingPipeline())


def check_form(form, pipelines, directory, reader, when):
    """Every rule finds its positive events and leaves the negative ones alone."""
    faults, evaluated = [], 0
    for file in RULES:
        pipeline = pipeline_of(pipelines)
        pipeline.postprocessing_items = []  # of the language that the pipeline is for
        backend = sqliteBackend(pipeline, collate_nocase=True)
        query = backend.convert(SigmaCollection.from_yaml(file.read_text()))[-1]
        for case, wanted in (("positive", True), ("negative", False)):
            lines = (directory / file.stem / f"{case}.jsonl").read_text().splitlines()
            found = bool(run(query, [row(json.loads(line), reader, when) for line in lines]))
            evaluated += 1
            if not lines or found != wanted:
                faults.append(f"{form}: {file.stem} {'finds' if found else 'does not find'} its {case} events")
    print(f"{form}: {evaluated} evaluations")
    return faults


def row(event, reader, when):
    values = reader(event)
    time = when(event)
    if isinstance(time, str):
        time = re.sub(r"(\.\d{3})\d*", r"\1", time)
        values["timestamp"] = time
    else:
        values["timestamp"] = sqlite3.connect(":memory:").execute(
            "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', ?, 'unixepoch')", [float(time)]
        ).fetchone()[0]
    return values


def flat(event, head=""):
    """Members of objects by their path; a list, and an object besides, as its JSON text."""
    values = {}
    for name, value in event.items():
        path = head + name
        if isinstance(value, dict):
            values.update(flat(value, path + "."))
        values[path] = text(value) if isinstance(value, (dict, list)) else value
    return values


def text(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def splunk(event):
    """What Splunk makes of a line for its HEC: fields of the event, and the event itself as _raw."""
    fields = flat(event["event"])
    return {**fields, "_raw": text(event["event"]), "sourcetype": event["sourcetype"], "index": "llm_audit"}


def sentinel(event):
    """What the function LlmAudit makes of a row: columns, and the lines of LlmAudit.kql."""
    values = {name: value for name, value in event.items() if name != "AdditionalFields"}
    more = event.get("AdditionalFields", {})
    lines = re.findall(r'^ +(\w+) = to\w+\(AdditionalFields\["([^"]+)"\](?:\["(\w+)"\])?\)', FUNCTION, re.MULTILINE)
    for column, field, member in lines:
        value = more.get(field)
        value = value.get(member) if member and value is not None else value
        values[column] = text(value) if isinstance(value, (dict, list)) else value
    return values


FUNCTION = (DETECTIONS / "LlmAudit.kql").read_text()


def run(query, rows):
    """What a query finds in rows. A column that no row has is empty, as a field is that no record has."""
    database = sqlite3.connect(":memory:")
    database.create_function("regexp", 2, lambda pattern, value: value is not None and bool(re.search(pattern, str(value))))
    columns = dict.fromkeys(name for one in rows for name in one)
    quoted = ", ".join(f'"{name}" COLLATE NOCASE' for name in columns)
    database.execute(f"CREATE TABLE logs ({quoted})")
    places = ", ".join("?" * len(columns))
    database.executemany(f"INSERT INTO logs VALUES ({places})", [[one.get(name) for name in columns] for one in rows])
    while True:
        try:
            return database.execute(query).fetchall()
        except sqlite3.OperationalError as fault:
            missing = re.fullmatch(r"no such column: (.+)", str(fault))
            if not missing:
                raise
            database.execute(f'ALTER TABLE logs ADD COLUMN "{missing[1]}"')


def convert(pipeline, language, correlates):
    """The queries of all rules in a language, as one text."""
    parts = []
    for file in RULES:
        collection = SigmaCollection.from_yaml(file.read_text())
        rule = collection.rules[-1]
        if isinstance(rule, SigmaCorrelationRule) and not correlates:
            continue
        query = language(pipeline_of([pipeline])).convert(collection)[-1]
        parts.append(f"// {file.stem}: {rule.title} ({rule.level.name.lower()})\n{query.strip()}\n")
    return "\n".join(parts)


def check_queries(file, queries, bless):
    """What is converted is what is kept."""
    if bless:
        file.parent.mkdir(exist_ok=True)
        file.write_text(queries)
    kept = file.read_text() if file.exists() else ""
    print(f"{file.name}: {queries.count(chr(10) + '//') + 1} queries")
    return [] if kept == queries else [f"{file.relative_to(ROOT)} is no longer what is converted; run .ci/sigma --bless"]


if __name__ == "__main__":
    main()
