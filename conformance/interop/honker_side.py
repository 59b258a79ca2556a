"""The real Honker in a process of its own: it runs the SQL that it is given.

    honker_side.py FILE

One JSON document a line: [sql, parameters] in, the rows or {"error"} out.
["work", queue] claims and acknowledges until the queue is empty, and answers
the payloads.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, List

import honker


def work(database: Any, queue: str) -> List[str]:
    payloads: List[str] = []
    idle = 0
    while idle < 40:
        with database.transaction() as tx:
            claimed = json.loads(tx.query("SELECT honker_claim_batch(?, 'honker', 3, 60) AS jobs", [queue])[0]["jobs"])
        idle = 0 if claimed else idle + 1
        for job in claimed:
            with database.transaction() as tx:
                if tx.query("SELECT honker_ack(?, 'honker') AS done", [job["id"]])[0]["done"] == 1:
                    payloads.append(job["payload"])
        time.sleep(0.005)
    return payloads


def main(path: str) -> None:
    database = honker.open(path)
    database.queue("emails")  # makes its tables, views and indexes
    for line in sys.stdin:
        sql, parameters = json.loads(line)
        try:
            if sql == "work":
                answer: Any = work(database, parameters)
            else:
                with database.transaction() as tx:
                    answer = [list(row.values()) for row in tx.query(sql, parameters)]
        except Exception as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


main(sys.argv[1])
