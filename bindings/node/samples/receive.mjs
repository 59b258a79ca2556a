// Receives webhooks with Express: node receive.mjs (needs express).
//
// The route passes on what it got and answers what the inbox says. It takes GET
// and HEAD too, because some providers ask with these whether the URL is yours.

import express from "express";
import { KnockerSqlite } from "knocker";

const webhooks = new KnockerSqlite(process.env.DATABASE ?? "app.db");
webhooks.addEndpoint({
  name: "orders",
  provider: "stripe",
  secrets: process.env.STRIPE_WEBHOOK_SECRET,
  unhandled: "ignore",
});

const app = express();
app.disable("x-powered-by");

app.all("/webhooks/orders", express.raw({ type: "*/*", limit: webhooks.maxBodyBytes }), async (req, res) => {
  const { response } = await webhooks.receiveAsync({
    endpoint: "orders",
    body: req.body,
    headers: req.headers,
    query: req.query,
    method: req.method,
  });
  res.status(response.status_code).set(response.headers).send(response.body ?? "");
});

// Errors of the inbox know their status: 503 asks the sender to come back.
app.use((error, req, res, next) => {
  if (res.headersSent) return next(error);
  console.error(error);
  res.status(error.status ?? 500).end();
});

const server = app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, () => server.close(() => webhooks.close()));
}
