// What an application writes, as its type checker sees it. Compiled, never run.

import { Discard, type ErrorCode, KnockerError, KnockerSqlite, type ReceiveResult, RetryAfter, type AttachedInbox, attach, type Database, load, loadablePath } from "knocker";
import { createTestInbox, sign } from "knocker/testing";

const inbox = new KnockerSqlite("app.db", { maxAttempts: 5, journalMode: "wal", clock: { nowS: 1 } });
inbox.addEndpoint({ name: "orders", provider: "stripe", secrets: process.env.SECRET, providerOptions: { tolerance_s: 300 } });

inbox.registerHandler("orders", (event, tx) => {
  const id: number = event.id;
  const body: Buffer = event.body_blob;
  const { changes, lastInsertRowid } = tx.prepare("INSERT INTO t VALUES (?, ?, ?)").run(id, body, 5n);
  const rowid: number | bigint = lastInsertRowid;
  const row = tx.prepare("SELECT a FROM t WHERE a = :a").get({ a: 1 });
  if (row !== undefined) console.log(row.a, changes, rowid);
  tx.exec("DELETE FROM t");
});
inbox.registerHandler("orders", "invoice.*", async (event, tx) => {
  await fetch("https://example.com", { signal: tx.signal });
  await tx.begin();
  if (event.event_type === null) throw new Discard("no type");
  throw new RetryAfter(5);
}, { timeoutS: 5 });
inbox.registerHandler("orders", () => undefined, "invoice.paid", { maxAttempts: 1 });

// @ts-expect-error a handler is a function
inbox.registerHandler("orders", "invoice.paid");
// @ts-expect-error a misspelt option
inbox.addEndpoint({ name: "orders", secret: "x" });
// @ts-expect-error a value that SQLite has no type for
inbox.registerHandler("orders", (_, tx) => tx.prepare("SELECT ?").get(new Date()));
// @ts-expect-error results are snake_case
inbox.receive({ endpoint: "orders" }).statusCode;

async function all(request: Request): Promise<Response> {
  try {
    const result: ReceiveResult = await inbox.receiveAsync({
      endpoint: "orders",
      body: await request.arrayBuffer(),
      headers: request.headers,
      query: new URL(request.url).searchParams,
      method: request.method,
      signal: request.signal,
    });
    const { status_code, headers, body } = result.response;
    return new Response(body, { status: status_code, headers });
  } catch (error) {
    if (!(error instanceof KnockerError)) throw error;
    const code: ErrorCode = error.code;
    return new Response(code === "busy" ? "later" : null, { status: error.http_status });
  }
}

async function operate(): Promise<void> {
  for await (const event of inbox.events({ status: ["dead", "failed"], since: new Date() })) await inbox.replayAsync(event.id);
  const page = inbox.listEvents({ limit: 10 });
  const cursor: string | null = page.cursor;
  const { rolled_back } = await inbox.runWorker({ concurrency: 4, signal: AbortSignal.timeout(5), onFinished: ({ status }) => console.log(status) });
  const { changed } = await inbox.replayEvents({ endpoint: "orders" }, { progress: ({ matched }) => console.log(matched) });
  const removed: number = (await inbox.pruneEventsAsync(Date.now() / 1000, { limit: 10 })).events_pruned;
  console.log(cursor, rolled_back, changed, removed, loadablePath(), inbox.stats().events.handled);
  await inbox.closeAsync();
}

async function tests(): Promise<void> {
  await using test = createTestInbox({ nowS: 1_700_000_000 });
  const { headers, body } = sign("stripe", { secret: "whsec", body: "{}", at: test.now });
  test.receive({ endpoint: "orders", headers, body });
  test.advance(60);
  await test.drain();
}

function attached(db: Database & { run(sql: string): void }): void {
  load(db);
  const own: AttachedInbox<typeof db> = attach(db, { maxAttempts: 3, clock: { nowS: 1 } });
  own.registerHandler("orders", (event, tx) => tx.run(`INSERT INTO t VALUES (${event.id})`));
  const orm = attach(() => db, { tx: (connection) => ({ over: connection }) });
  orm.registerHandler("orders", "invoice.*", async (_, { over }) => over.run("DELETE FROM t"), { timeoutS: 5 });
  const durable: boolean | undefined = orm.receive({ endpoint: "orders" }).durable;
  const same: KnockerSqlite<typeof db> = own;
  // @ts-expect-error tx is the connection, and has no `insert`
  own.registerHandler("orders", (_, tx) => tx.insert());
  // @ts-expect-error an option that is about opening a file
  attach(db, { journalMode: "wal" });
  // @ts-expect-error no connection
  attach("app.db");
  console.log(durable, same);
}

void [all, operate, tests, attached];
