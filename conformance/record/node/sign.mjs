// Signs the planned requests with the providers' own libraries, where they
// can sign, and prints what they made as JSON.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(import.meta.url);
const pinned = JSON.parse(readFileSync(new URL("package.json", import.meta.url))).dependencies;
const version = (name) => `npm ${name} ${pinned[name]}`;
const form = (body) => Object.fromEntries([...new Set(new URLSearchParams(body).keys())].map((name) => {
  const values = new URLSearchParams(body).getAll(name);
  return [name, values.length > 1 ? values : values[0]];
}));

const { default: Stripe } = await import("stripe");
const octokit = await import("@octokit/webhooks-methods");
const { Webhook: Standard } = await import("standardwebhooks");
const { Webhook: Svix } = await import("svix");
const twilio = require("twilio/lib/webhooks/webhooks.js");
const { Signature: HubSpot } = require("@hubspot/api-client/lib/src/utils/signature.js");
const notion = require("@notionhq/client");
const contentful = require("@contentful/node-apps-toolkit");
const coinbase = require("coinbase-commerce-node/lib/Webhook.js");

const standard = (library, prefix, Webhook) => async (p) => ({
  library: version(library),
  headers: { [`${prefix}signature`]: new Webhook(p.secret.replace(/^v1,/, "")).sign(p.id, new Date(p.at * 1000), p.body) },
});

const signers = {
  stripe: async (p) => ({
    library: version("stripe"),
    headers: { "Stripe-Signature": new Stripe("sk_test_x").webhooks.generateTestHeaderString({ payload: p.body, secret: p.secret, timestamp: p.at }) },
  }),
  github: async (p) => ({ library: version("@octokit/webhooks-methods"), headers: { "X-Hub-Signature-256": await octokit.sign(p.secret, p.body) } }),
  "standard-webhooks": standard("standardwebhooks", "webhook-", Standard),
  supabase: standard("standardwebhooks", "webhook-", Standard),
  render: standard("standardwebhooks", "webhook-", Standard),
  openai: standard("standardwebhooks", "webhook-", Standard),
  svix: standard("svix", "svix-", Svix),
  clerk: standard("svix", "svix-", Svix),
  resend: standard("svix", "svix-", Svix),
  twilio: async (p) => ({ library: version("twilio"), headers: { "X-Twilio-Signature": twilio.getExpectedTwilioSignature(p.secret, p.url, form(p.body)) } }),
  hubspot: async (p) => {
    // The library signs the URL as it is given; HubSpot decodes it first.
    const url = p.url.replace(/%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)/g, decodeURIComponent);
    const signature = HubSpot.getSignature(p.method, "v3", { clientSecret: p.secret, url, requestBody: p.body, timestamp: p.at * 1000 });
    return { library: version("@hubspot/api-client"), headers: { "X-HubSpot-Signature-v3": signature } };
  },
  notion: async (p) => ({ library: version("@notionhq/client"), headers: { "X-Notion-Signature": await notion.signWebhookPayload({ body: p.body, verificationToken: p.secret }) } }),
  contentful: async (p) => {
    const kind = p.kind ? { "X-Contentful-Topic": p.kind } : {};
    const made = contentful.signRequest(p.secret, { method: p.method, path: p.options.path, headers: kind, body: p.body }, p.at * 1000);
    return { library: version("@contentful/node-apps-toolkit"), headers: made };
  },
  "coinbase-commerce": async (p) => ({ library: version("coinbase-commerce-node"), headers: { "X-CC-Webhook-Signature": coinbase.computeSignature(p.body, p.secret) } }),
};

const signed = {};
for (const p of JSON.parse(readFileSync(process.argv[2]))) {
  if (signers[p.provider]) signed[p.key] = await signers[p.provider](p);
}
process.stdout.write(JSON.stringify(signed, null, 2) + "\n");
