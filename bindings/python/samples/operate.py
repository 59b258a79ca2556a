"""Look at an inbox and act on it.

python operate.py app.db              # counts, and what needs attention
python operate.py app.db show 7       # one event and its attempts
python operate.py app.db requeue 7    # or replay, ignore
"""

import sys
from typing import List

import knocker


def overview(webhooks: knocker.Knocker) -> None:
    """Print counts and the latest dead events."""
    stats = webhooks.stats()
    print(f"deliveries {stats.deliveries}, events {dict(stats.events)}, refused {dict(stats.orphans)}")
    print(f"jobs: {stats.jobs_ready} due, {stats.jobs_later} later, {stats.jobs_held} running")
    for event in webhooks.list_events(status="dead", limit=20):
        print(f"dead: {event.id} {event.endpoint} {event.event_type}: {event.last_error}")


def show(webhooks: knocker.Knocker, event_id: int) -> None:
    """Print one event and its attempts."""
    event = webhooks.get_event(event_id)
    print(f"{event.id} {event.endpoint} {event.event_type} {event.status}, {len(event.body)} bytes")
    for attempt in webhooks.list_attempts(event_id):
        print(f"  {attempt.attempted_at} {attempt.outcome} in {attempt.duration_ms} ms {attempt.error or ''}")


def main(arguments: List[str]) -> int:
    """Do what the command line says."""
    if len(arguments) not in (1, 3):
        print(__doc__)
        return 2
    with knocker.open(arguments[0]) as webhooks:
        actions = {"requeue": webhooks.requeue, "replay": webhooks.replay, "ignore": webhooks.ignore}
        try:
            if len(arguments) == 1:
                overview(webhooks)
                return 0
            action, event_id = arguments[1], int(arguments[2])
            if action in actions:
                actions[action](event_id)
            show(webhooks, event_id)
        except knocker.KnockerError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
