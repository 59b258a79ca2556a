// Runs the providers' own verifiers over the fixtures and prints where they
// disagree with what a fixture expects:
//
//   node check.mjs FIXTURES_DIRECTORY
//
// Only validity is compared. A known, deliberate difference is listed in
// `deliberate` with its reason; every other one makes the exit status 1.
import { createRequire } from "node:module";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const require = createRequire(import.meta.url);

// The libraries read the clock themselves: it is set to the case's time.
const RealDate = Date;
let now = 0;
globalThis.Date = class extends RealDate {
  constructor(...args) { args.length ? super(...args) : super(now); }
  static now() { return now; }
};

const { default: Stripe } = await import("stripe");
const octokit = await import("@octokit/webhooks-methods");
const { Webhook: Standard } = await import("standardwebhooks");
const { Webhook: Svix } = await import("svix");
const { verifyWebhook: clerk } = await import("@clerk/backend/webhooks");
const { Resend } = await import("resend");
const { default: OpenAI } = await import("openai");
const { verifySlackRequest } = require("@slack/bolt");
const { Paddle } = require("@paddle/paddle-node-sdk");
const twilio = require("twilio/lib/webhooks/webhooks.js");
const { EventWebhook } = require("@sendgrid/eventwebhook");
const { LinearWebhookClient } = await import("@linear/sdk/webhooks");
const discord = require("discord-interactions");
const { Signature: HubSpot } = require("@hubspot/api-client/lib/src/utils/signature.js");
const { WebhooksHelper } = require("square");
const { hmacValidator: AdyenValidator } = require("@adyen/api-library");
const braintree = require("braintree");
const coinbase = require("coinbase-commerce-node/lib/Webhook.js");
const { default: Mux } = await import("@mux/mux-node");
const notion = require("@notionhq/client");
const contentful = require("@contentful/node-apps-toolkit");
const line = await import("@line/bot-sdk");
const { WebhooksManager } = require("box-node-sdk/lib/managers/webhooks");

const standard = (Webhook, strip) => (c, secret) => new Webhook(strip ? secret.replace(/^v1,/, "") : secret).verify(c.body, c.headers);
const form = (body) => {
  const query = new URLSearchParams(body);
  return Object.fromEntries([...new Set(query.keys())].map((name) => {
    const values = query.getAll(name);
    return [name, values.length > 1 ? values : values[0]];
  }));
};
const must = (truth) => { if (!truth) throw new Error("refused"); };
const isForm = (c) => /urlencoded/.test(c.headers["content-type"] ?? "");

// Each verifier throws when it refuses. It gets the case with lower-case
// headers, and one secret.
const verifiers = {
  stripe: (c, s) => must(new Stripe("sk_test_x").webhooks.signature.verifyHeader(c.body, c.headers["stripe-signature"], s, 300)),
  github: async (c, s) => must(await octokit.verify(s, c.body, c.headers["x-hub-signature-256"])),
  "standard-webhooks": standard(Standard), supabase: standard(Standard, true), render: standard(Standard),
  svix: standard(Svix),
  clerk: (c, s) => clerk(new Request("https://h.test/", { method: "POST", headers: c.headers, body: c.body }), { signingSecret: s }),
  resend: (c, s) => new Resend("re_x").webhooks.verify({ payload: c.body, webhookSecret: s,
    headers: { id: c.headers["svix-id"], timestamp: c.headers["svix-timestamp"], signature: c.headers["svix-signature"] } }),
  openai: (c, s) => new OpenAI({ apiKey: "x" }).webhooks.verifySignature(c.body, c.headers, s),
  slack: (c, s) => verifySlackRequest({ signingSecret: s, body: c.body, nowMilliseconds: now,
    headers: { "x-slack-signature": c.headers["x-slack-signature"], "x-slack-request-timestamp": Number(c.headers["x-slack-request-timestamp"]) } }),
  paddle: async (c, s) => must(await new Paddle("x").webhooks.isSignatureValid(c.body, s, c.headers["paddle-signature"])),
  twilio: (c, s) => must(isForm(c) ? twilio.validateRequest(s, c.headers["x-twilio-signature"], c.options.url, form(c.body))
    : c.options.url.includes("bodySHA256") ? twilio.validateRequestWithBody(s, c.headers["x-twilio-signature"], c.options.url, c.body)
      : twilio.validateRequest(s, c.headers["x-twilio-signature"], c.options.url, {})),
  sendgrid: (c, s) => { const w = new EventWebhook(); must(w.verifySignature(w.convertPublicKeyToECDSA(s), c.body, c.headers["x-twilio-email-event-webhook-signature"], c.headers["x-twilio-email-event-webhook-timestamp"])); },
  linear: (c, s) => must(new LinearWebhookClient(s).verify(Buffer.from(c.body), c.headers["linear-signature"])),
  discord: async (c, s) => must(await discord.verifyKey(c.body, c.headers["x-signature-ed25519"] ?? "", c.headers["x-signature-timestamp"] ?? "", s)),
  hubspot: (c, s) => {
    const v = c.options.version ?? "v3";
    const url = v === "v3" ? (c.options.url ?? "").replace(/%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)/g, decodeURIComponent) : c.options.url;
    must(HubSpot.isValid({ method: c.method, signatureVersion: v, clientSecret: s, url, requestBody: c.body,
      signature: c.headers[v === "v3" ? "x-hubspot-signature-v3" : "x-hubspot-signature"], timestamp: Number(c.headers["x-hubspot-request-timestamp"]) }));
  },
  square: async (c, s) => must(await WebhooksHelper.verifySignature({ requestBody: c.body, signatureHeader: c.headers["x-square-hmacsha256-signature"], signatureKey: s, notificationUrl: c.options.url })),
  adyen: (c, s) => {
    const validator = new AdyenValidator();
    if (c.options.mode === "platform") return must(validator.validateHMACSignature(s, c.headers.hmacsignature, c.body));
    for (const { NotificationRequestItem: item } of JSON.parse(c.body).notificationItems) must(validator.validateHMAC(item, s));
  },
  braintree: async (c, s) => {
    const [publicKey, privateKey] = s.split(":");
    const gateway = new braintree.BraintreeGateway({ environment: braintree.Environment.Sandbox, merchantId: "m", publicKey, privateKey });
    const { bt_signature: signature, bt_payload: payload } = form(c.body);
    if (/[^A-Za-z0-9+=/\n]/.test(payload)) throw new Error("refused"); // as parse does
    must(signature && gateway.webhookNotification.validateSignature(signature, payload) === null);
  },
  "coinbase-commerce": (c, s) => coinbase.verifySigHeader(c.body, c.headers["x-cc-webhook-signature"], s),
  mux: (c, s) => new Mux({ tokenId: "x", tokenSecret: "x" }).webhooks.verifySignature(c.body, c.headers, s),
  notion: async (c, s) => must(await notion.verifyWebhookSignature({ body: c.body, signature: c.headers["x-notion-signature"], verificationToken: s })),
  contentful: (c, s) => must(contentful.verifyRequest(s, { method: c.method, path: c.options.path, headers: c.headers, body: c.body })),
  line: (c, s) => must(line.validateSignature(c.body, s, c.headers["x-line-signature"])),
  box: async (c, s) => must(await WebhooksManager.validateMessage(c.body, c.headers, s[0], { secondaryKey: s[1] })),
};

// Where the libraries' answer is not ours, and why ours is right for an inbox.
const deliberate = [
  ["slack", /too new|future/, "the library bounds the past only; the documentation both sides"],
  ["standard-webhooks", /v1a/, "no reference library implements v1a"],
  ["box", /another secret stands first/, "the library ties each key to one header; during a rotation either may sign"],
  ["adyen", /a second/, "the library gets parsed JSON, in which the second member has replaced the first"],
  ["openai|sendgrid|adyen|line|box", /last character cut off/, "the library decodes base64 without its padding; no sender writes it so"],
];

let compared = 0;
let agreed = 0;
const unexplained = [];
for (const provider of Object.keys(verifiers)) {
  const folder = join(process.argv[2], provider);
  if (!existsSync(folder)) continue;
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
    for (const { description, request, expected } of JSON.parse(readFileSync(join(folder, file)))) {
      if (expected.handshake || request.body_base64 || !request.secrets.length || request.secrets[0] === "") continue;
      if (Object.values(request.headers).some(Array.isArray)) continue; // no library takes two lines
      const c = { ...request, body: request.body ?? "", options: request.provider_options,
        headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value])) };
      now = request.now_s * 1000;
      let accepted = false;
      const secrets = provider === "box" ? [request.secrets] : request.secrets;
      for (const secret of secrets) {
        try {
          await verifiers[provider](c, secret);
          accepted = true;
        } catch { /* refused */ }
      }
      compared++;
      if (accepted === expected.signature_valid) agreed++;
      else {
        const known = deliberate.find(([name, pattern]) => new RegExp(`^(${name})$`).test(provider) && pattern.test(description));
        (known ? console.log : (line) => { unexplained.push(line); console.log(line); })(
          `${known ? "deliberate" : "DIFFERENT"} ${provider}: ${description}: the library says ${accepted}, the fixture ${expected.signature_valid}${known ? ` (${known[2]})` : ""}`);
      }
    }
  }
}
console.log(`${compared} compared, ${agreed} agree, ${unexplained.length} unexplained`);
process.exit(unexplained.length ? 1 : 0);
