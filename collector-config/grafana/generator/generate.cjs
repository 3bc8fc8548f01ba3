// Makes the dashboards: `node generate.cjs FOLDER`. The packages it needs are those of package-lock.json.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { assertParses } = require('./language.cjs');

const DASHBOARDS = {
    'llm-calls': require('./calls.cjs'),
    'llm-audit-trail': require('./trail.cjs'),
    'llm-traces': require('./traces.cjs'),
};

const folder = process.argv[2];
if (!folder) {
    console.error('usage: node generate.cjs FOLDER');
    process.exit(2);
}
for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
    const built = dashboard().uid(name).build();
    built.panels.forEach((panel, index) => (panel.id = index + 1));
    assertParses(built);
    fs.writeFileSync(path.join(folder, `${name}.json`), `${JSON.stringify(built, null, 2)}\n`);
}
