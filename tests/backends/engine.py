"""Runs SQL in ClickHouse's engine: a JSON list of statements on standard input, a list of their rows on standard output."""

import json
import sys

from chdb import session

engine = session.Session(sys.argv[1])
answers = []
for statement in json.load(sys.stdin):
    answer = engine.query(statement, "JSONEachRow").bytes().decode("utf-8")
    answers.append([json.loads(line) for line in answer.splitlines()])
json.dump(answers, sys.stdout)
