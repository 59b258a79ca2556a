// Looks at an inbox and acts on it.
//
//   node operator.mjs app.db              counts, and what needs attention
//   node operator.mjs app.db show 7       one event and its attempts
//   node operator.mjs app.db requeue 7    or replay, ignore

import { KnockerError, KnockerSqlite } from "knocker";

const [path, action, id] = process.argv.slice(2);
if (path === undefined || (action !== undefined && id === undefined)) {
  console.error("usage: operator.mjs DATABASE [show|requeue|replay|ignore EVENT]");
  process.exit(2);
}
const webhooks = new KnockerSqlite(path);

async function overview() {
  const { deliveries, events, orphans, jobs_ready, jobs_later, jobs_held } = webhooks.stats();
  console.log(`deliveries ${deliveries}, events ${JSON.stringify(events)}, refused ${JSON.stringify(orphans)}`);
  console.log(`jobs: ${jobs_ready} due, ${jobs_later} later, ${jobs_held} running`);
  for await (const event of webhooks.events({ status: "dead" })) {
    console.log(`dead: ${event.id} ${event.endpoint} ${event.event_type}: ${event.last_error}`);
  }
}

function show(id) {
  const event = webhooks.getEvent(id);
  console.log(`${event.id} ${event.endpoint} ${event.event_type} ${event.status}, ${event.body.length} bytes`);
  for (const attempt of webhooks.listAttempts(id)) {
    console.log(`  ${attempt.attempted_at} ${attempt.outcome} in ${attempt.duration_ms} ms ${attempt.error ?? ""}`);
  }
}

try {
  if (action === undefined) await overview();
  else {
    if (["requeue", "replay", "ignore"].includes(action)) webhooks[action](Number(id));
    show(Number(id));
  }
} catch (error) {
  if (!(error instanceof KnockerError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
} finally {
  webhooks.close();
}
