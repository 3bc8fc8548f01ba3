// Checks queries for Microsoft Sentinel with Microsoft's own language service: grammar, columns and types.
//
//     check.cjs DIRECTORY
//
// DIRECTORY has records as `llm-audit export --format asim` writes them, which the table's columns are taken from.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
require("@kusto/language-service-next/bridge.min.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");

const detections = path.join(__dirname, "../../../collector-config/detections");

function main() {
  const read = (name) => fs.readFileSync(path.join(detections, name), "utf8");
  const table = `let LlmAudit_CL = datatable(${columns(process.argv[2])})[];`;
  const view = `let LlmAudit = ${read("LlmAudit.kql").replace(/^\/\/.*\n/gm, "").trim()};`;
  const queries = read("queries/sentinel.kql").split(/^\/\/ /m).slice(1);
  const faults = [];
  for (const query of queries) {
    const [title, ...lines] = query.trim().split("\n");
    const text = lines.join("\n");
    faults.push(...errors(`${table}\n${view}\n${text}`).map((words) => `${title}: ${words}`));
  }
  // What it is to find: a column that is not there, and a text that is a number.
  for (const planted of ["LlmAudit | where user_hsh =~ 'a'", "LlmAudit | where llm_audit_cost_usd =~ 'a'"]) {
    if (errors(`${table}\n${view}\n${planted}`).length === 0) faults.push(`no fault is seen in: ${planted}`);
  }
  for (const fault of faults) console.error(`error: sentinel.kql: ${fault}`);
  console.log(`sentinel.kql: ${queries.length} queries, as the language service has them`);
  process.exitCode = faults.length === 0 && queries.length > 0 ? 0 : 1;
}

function errors(text) {
  const code = Kusto.Language.KustoCode.ParseAndAnalyze(text);
  const diagnostics = code.GetDiagnostics();
  const found = [];
  for (let at = 0; at < diagnostics.Count; at++) {
    const one = diagnostics.getItem(at);
    if (one.Severity === "Error") found.push(one.Message);
  }
  return found;
}

// The columns of a table that holds these records.
function columns(directory) {
  const found = new Map();
  for (const rule of fs.readdirSync(directory)) {
    for (const file of fs.readdirSync(path.join(directory, rule))) {
      const lines = fs.readFileSync(path.join(directory, rule, file), "utf8").trim().split("\n");
      for (const [name, value] of lines.flatMap((line) => Object.entries(JSON.parse(line)))) {
        found.set(name, type(name, value));
      }
    }
  }
  return [...found].map(([name, type]) => `${name}: ${type}`).join(", ");
}

function type(name, value) {
  if (/^TimeGenerated$|Time$/.test(name)) return "datetime";
  if (typeof value === "number") return Number.isInteger(value) ? "long" : "real";
  return typeof value === "object" ? "dynamic" : "string";
}

main();
