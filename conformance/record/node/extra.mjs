// Writes cases with odd paths, bodies and forms that the providers' own
// libraries sign: node extra.mjs FIXTURES_DIRECTORY
import { createRequire } from "node:module";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
const require = createRequire(import.meta.url);
const contentful = require("@contentful/node-apps-toolkit");
const { computeWebhookSignature } = require("box-node-sdk/lib/internal/utils");
const twilio = require("twilio/lib/webhooks/webhooks.js");
const save = (file, cases) => writeFileSync(join(process.argv[2], file), JSON.stringify(cases, null, 2) + "\n");
const key="r".repeat(64), at=1767225600;
const out=[];
for (const path of ["/in/contentful?a=b&c=d e","/ü/é?x=ÿ","/a%20b/c(d)!*'~","/a[b]{c}|^`\"<>\\","/plain?","/q?a=b?c=d", "/sl/ash/?=%2F"]) {
  const body='{"sys":{"id":"é"}}';
  const headers=contentful.signRequest(key,{method:"POST",path,headers:{"X-Contentful-Topic":" padded ","x-zeta":"z","X-Contentful-Idempotency-Key":"id-1"},body},at*1000);
  out.push({description:"valid: path "+path, request:{method:"POST",headers:{...headers,"X-Contentful-Topic":" padded ","x-zeta":"z","X-Contentful-Idempotency-Key":"id-1"},query:"",secrets:[key],provider_options:{path},now_s:at,body},
   expected:{signature_valid:true,event_type:" padded ",dedupe_identity:"id-1",dedupe_source:"header:X-Contentful-Idempotency-Key",signed_by:"npm @contentful/node-apps-toolkit 3.16.1"}});
}
save("contentful/paths.json", out);
const box=[];
for (const body of ['{"id":"bx-9","trigger":"FILE.UPLOADED","name":"é 😀 a/b \\/ \u007f"}']) {
  const h={"box-signature-version":"1","box-signature-algorithm":"HmacSHA256","box-delivery-timestamp":"2026-01-01T00:00:00-00:00"};
  for (const esc of [false,true]) {
    const sig=await computeWebhookSignature(body,h,"box-key",esc);
    box.push({description:"valid: "+(esc?"signed with everything escaped":"signed as sent")+", secondary header only",request:{method:"POST",headers:{...h,"Box-Signature-Secondary":sig},query:"",secrets:["other","box-key"],provider_options:{tolerance_s:600,future_tolerance_s:0},now_s:at,body},
     expected:{signature_valid:true,event_type:"FILE.UPLOADED",dedupe_identity:"bx-9",dedupe_source:"body:id",signed_by:"npm box-node-sdk 10.12.0"}});
  }
}
save("box/escaped.json", box);

const forms = [];
const form = (body) => {
  const query = new URLSearchParams(body);
  return Object.fromEntries([...new Set(query.keys())].map((name) => {
    const values = query.getAll(name);
    return [name, values.length > 1 ? values : values[0]];
  }));
};
for (const [url, body] of [
  ["https://h.test/in", "B=2&a=1&A=&b=%2B%20+x&Z=z&Z=y&Z=z"],
  ["https://h.test:8443/in?x=1&y=%27", "Body=%C3%A9%F0%9F%98%80&From=%2B1"],
  ["https://user:pass@h.test/in", "Body=a%26b%3Dc&Empty"],
  ["https://h.test/in?q=it's", "MessageStatus=sent"],
  ["https://h.test", "CallStatus=busy"],
]) {
  forms.push({ description: `valid: ${url} with ${body}`,
    request: { method: "POST", headers: { "X-Twilio-Signature": twilio.getExpectedTwilioSignature("token", url, form(body)), "I-Twilio-Idempotency-Token": "t-1", "Content-Type": "application/x-www-form-urlencoded" },
      query: url.split("?")[1] ?? "", secrets: ["token"], provider_options: { url }, now_s: at, body },
    expected: { signature_valid: true, event_type: form(body).MessageStatus ?? form(body).CallStatus ?? null, dedupe_identity: "t-1", dedupe_source: "header:I-Twilio-Idempotency-Token", signed_by: "npm twilio 6.2.0" } });
}
save("twilio/forms.json", forms);
