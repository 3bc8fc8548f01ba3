//! The dashboards, as they are imported: panels, and what these ask.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

/// A dashboard.
pub(crate) struct Dashboard {
    pub(crate) model: Value,
}

/// A panel that asks something.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) model: Value,
    pub(crate) queries: Vec<String>,
}

impl Dashboard {
    pub(crate) fn read(name: &str) -> Self {
        let text = fs::read_to_string(folder().join(name).with_extension("json")).unwrap();
        Self {
            model: serde_json::from_str(&text).unwrap(),
        }
    }

    /// All panels but the titles of rows.
    pub(crate) fn panels(&self) -> Vec<Panel> {
        let panels = self.model["panels"].as_array().unwrap();
        let asking = panels.iter().filter(|panel| panel["type"] != "row");
        asking.map(Panel::of).collect()
    }

    /// What a variable is replaced by while `All` is chosen, or nothing was typed.
    fn unchosen(&self, query: &str) -> String {
        let mut query = query.to_owned();
        for variable in self.model["templating"]["list"].as_array().unwrap() {
            let name = variable["name"].as_str().unwrap();
            let value = variable["allValue"].as_str().or(variable["query"].as_str());
            query = query.replace(&format!("${name}"), value.unwrap_or_default());
        }
        query
    }

    /// A query as Grafana asks it of a range of so long.
    pub(crate) fn asked(&self, query: &str, range: &str) -> String {
        let mut query = query.to_owned();
        for variable in ["$__range", "$__rate_interval", "$__auto"] {
            query = query.replace(variable, range);
        }
        let query = self.unchosen(&query);
        assert!(!query.contains('$'), "{query}");
        query
    }
}

impl Panel {
    fn of(model: &Value) -> Self {
        let targets = model["targets"].as_array().unwrap();
        let query = |target: &Value| {
            let query = target.get("expr").unwrap_or(&target["query"]);
            query.as_str().unwrap().to_owned()
        };
        Self {
            title: model["title"].as_str().unwrap().to_owned(),
            queries: targets.iter().map(query).collect(),
            model: model.clone(),
        }
    }
}

/// Where the dashboards are.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("collector-config/grafana/dashboards")
}

pub(crate) const ALL: [&str; 3] = ["llm-audit-trail", "llm-calls", "llm-traces"];
