-- The schema. Nothing here may keep SQLite 3.31 from parsing the application's
-- file: no STRICT, no generated columns. The _honker_* tables are shared with
-- other packages, so nothing is added to them.

CREATE TABLE IF NOT EXISTS knocker_meta (
  key   TEXT PRIMARY KEY,
  value INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS knocker_endpoints (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT NOT NULL UNIQUE,
  path       TEXT NOT NULL UNIQUE,
  provider   TEXT,
  enabled    INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  paused     INTEGER NOT NULL DEFAULT 0
);
-- Each claim asks which endpoints are paused: mostly none of thousands.
CREATE INDEX IF NOT EXISTS knocker_endpoints_paused ON knocker_endpoints (paused) WHERE paused = 1;

-- delivery_id is the canonical delivery, whose body, headers and query the
-- event shows; job_id is its queue row while it has one.
CREATE TABLE IF NOT EXISTS knocker_events (
  id                   INTEGER PRIMARY KEY AUTOINCREMENT,
  endpoint_id          INTEGER NOT NULL REFERENCES knocker_endpoints(id),
  received_at          INTEGER NOT NULL CHECK (typeof(received_at) = 'integer'),
  provider_event_id    TEXT,
  provider_delivery_id TEXT,
  event_type           TEXT,
  method               TEXT NOT NULL,
  dedupe_key           TEXT,
  status               TEXT NOT NULL DEFAULT 'received'
                       CHECK (status IN ('received', 'processing', 'handled', 'failed', 'dead', 'ignored')),
  attempt_count        INTEGER NOT NULL DEFAULT 0,
  handled_at           INTEGER,
  last_error           TEXT,
  delivery_id          INTEGER,
  job_id               INTEGER,
  expunged_at          INTEGER
);
CREATE UNIQUE INDEX IF NOT EXISTS knocker_events_identity
  ON knocker_events (endpoint_id, dedupe_key) WHERE dedupe_key IS NOT NULL;
-- Every receipt pays for every index, so one is a list's order only where no
-- other can be: all events are read as those of each status, and a provider's id
-- that is the identity is found by that. Those of errors cost nothing at all
-- until something fails.
CREATE INDEX IF NOT EXISTS knocker_events_status ON knocker_events (status, received_at);
CREATE INDEX IF NOT EXISTS knocker_events_endpoint ON knocker_events (endpoint_id, status, received_at);
CREATE INDEX IF NOT EXISTS knocker_events_type ON knocker_events (event_type, received_at) WHERE event_type IS NOT NULL;
CREATE INDEX IF NOT EXISTS knocker_events_provider ON knocker_events (provider_event_id)
  WHERE provider_event_id IS NOT NULL AND provider_event_id IS NOT dedupe_key;
CREATE INDEX IF NOT EXISTS knocker_events_error
  ON knocker_events (substr(last_error, 1, instr(last_error, ':') - 1), received_at) WHERE last_error IS NOT NULL;

-- event_id is NULL for orphans; kind says why. For a batch it is the first
-- item's event, and knocker_delivery_events holds all of them. body_bytes is
-- the length as it arrived; a rejected body may be stored shorter. accepted_at
-- is set where a refused delivery was taken in later: the verdict at its arrival
-- stays beside how (reverify or accept_delivery) and why. expunged_at is set where
-- body, headers and query were erased. The body comes last, so that a list does
-- not read through the pages of a large one.
CREATE TABLE IF NOT EXISTS knocker_deliveries (
  id                   INTEGER PRIMARY KEY AUTOINCREMENT,
  endpoint_id          INTEGER NOT NULL REFERENCES knocker_endpoints(id),
  event_id             INTEGER,
  received_at          INTEGER NOT NULL CHECK (typeof(received_at) = 'integer'),
  provider_event_id    TEXT,
  provider_delivery_id TEXT,
  event_type           TEXT,
  method               TEXT NOT NULL,
  headers_json         TEXT NOT NULL,
  query_json           TEXT NOT NULL,
  signature_valid      INTEGER,
  signature_error      TEXT,
  dedupe_key           TEXT,
  kind                 TEXT NOT NULL,
  reason               TEXT,
  body_digest          BLOB,
  body_bytes           INTEGER NOT NULL,
  accepted_at          INTEGER,
  accepted_by          TEXT,
  accepted_reason      TEXT,
  expunged_at          INTEGER,
  body_blob            BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS knocker_deliveries_event
  ON knocker_deliveries (event_id, received_at) WHERE event_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS knocker_deliveries_orphans
  ON knocker_deliveries (endpoint_id, kind, event_id, received_at) WHERE event_id IS NULL;
CREATE INDEX IF NOT EXISTS knocker_deliveries_endpoint ON knocker_deliveries (endpoint_id, signature_valid, received_at);
CREATE INDEX IF NOT EXISTS knocker_deliveries_type ON knocker_deliveries (event_type, received_at) WHERE event_type IS NOT NULL;
CREATE INDEX IF NOT EXISTS knocker_deliveries_accepted ON knocker_deliveries (received_at) WHERE accepted_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS knocker_deliveries_provider ON knocker_deliveries (provider_delivery_id)
  WHERE provider_delivery_id IS NOT NULL AND provider_delivery_id IS NOT dedupe_key;

CREATE TABLE IF NOT EXISTS knocker_delivery_events (
  delivery_id INTEGER NOT NULL,
  event_id    INTEGER NOT NULL,
  item        INTEGER NOT NULL,
  body_offset INTEGER NOT NULL,
  body_length INTEGER NOT NULL,
  expunged_at INTEGER, -- the item's bytes were blanked
  PRIMARY KEY (delivery_id, item)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS knocker_delivery_events_event ON knocker_delivery_events (event_id, delivery_id);

CREATE TABLE IF NOT EXISTS knocker_attempts (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id     INTEGER NOT NULL REFERENCES knocker_events(id) ON DELETE CASCADE,
  attempted_at INTEGER NOT NULL,
  outcome      TEXT NOT NULL,
  error        TEXT,
  duration_ms  INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS knocker_attempts_event ON knocker_attempts (event_id);

CREATE TABLE IF NOT EXISTS knocker_prune_audits (
  id                INTEGER PRIMARY KEY AUTOINCREMENT,
  kind              TEXT NOT NULL,
  queue_name        TEXT,
  executed_at       INTEGER NOT NULL,
  events_pruned     INTEGER NOT NULL DEFAULT 0,
  deliveries_pruned INTEGER NOT NULL DEFAULT 0,
  attempts_pruned   INTEGER NOT NULL DEFAULT 0,
  live_jobs_pruned  INTEGER NOT NULL DEFAULT 0,
  summary_json      TEXT NOT NULL DEFAULT '{}'
);

CREATE TABLE IF NOT EXISTS _honker_live (
  id               INTEGER PRIMARY KEY AUTOINCREMENT,
  queue            TEXT NOT NULL,
  payload          TEXT NOT NULL,
  state            TEXT NOT NULL DEFAULT 'pending',
  priority         INTEGER NOT NULL DEFAULT 0,
  run_at           INTEGER NOT NULL DEFAULT (unixepoch()),
  worker_id        TEXT,
  claim_expires_at INTEGER,
  attempts         INTEGER NOT NULL DEFAULT 0,
  max_attempts     INTEGER NOT NULL DEFAULT 3,
  created_at       INTEGER NOT NULL DEFAULT (unixepoch()),
  expires_at       INTEGER
);
CREATE INDEX IF NOT EXISTS _honker_live_claim
  ON _honker_live (queue, priority DESC, run_at, id) WHERE state IN ('pending', 'processing');
CREATE INDEX IF NOT EXISTS _honker_live_pending_deadline
  ON _honker_live (queue, run_at) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS _honker_live_processing_deadline
  ON _honker_live (queue, claim_expires_at) WHERE state = 'processing';

CREATE TABLE IF NOT EXISTS _honker_dead (
  id           INTEGER PRIMARY KEY,
  queue        TEXT NOT NULL,
  payload      TEXT NOT NULL,
  priority     INTEGER NOT NULL DEFAULT 0,
  run_at       INTEGER NOT NULL DEFAULT 0,
  attempts     INTEGER NOT NULL DEFAULT 0,
  max_attempts INTEGER NOT NULL DEFAULT 0,
  last_error   TEXT,
  created_at   INTEGER NOT NULL DEFAULT (unixepoch()),
  died_at      INTEGER NOT NULL DEFAULT (unixepoch())
);
