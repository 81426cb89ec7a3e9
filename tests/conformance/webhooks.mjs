// What webhooks send, verified as the guide for Node says, by Standard Webhooks' own library:
// node webhooks.mjs URL HOST TOKEN, of a demo's admin endpoint. It makes a webhook, has it tested,
// changes its secret, and has it tested again.
import http from "node:http";
import { Webhook } from "standardwebhooks";

const [url, host, token] = process.argv.slice(2);
const PATIENCE = 30_000;
let taken;
const receiver = http.createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  taken?.({ headers: request.headers, body: Buffer.concat(parts).toString("utf8") });
  response.writeHead(204).end();
});
await new Promise((ready) => receiver.listen(0, "127.0.0.1", ready));

function asked(query, variables) {
  const headers = { host, authorization: `Bearer ${token}`, "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: "POST", headers }, async (answer) => {
      let text = "";
      for await (const part of answer) text += part;
      const { data, errors } = JSON.parse(text);
      const [payload] = Object.values(data ?? {});
      const wrong = errors ?? payload.userErrors;
      if (wrong.length) reject(new Error(JSON.stringify(wrong)));
      else resolve(payload);
    });
    request.on("error", reject);
    request.end(JSON.stringify({ query, variables }));
  });
}

function tested(id) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("no delivery came")), PATIENCE);
    taken = (delivery) => (clearTimeout(late), resolve(delivery));
    asked("mutation T($id:ID!){webhookTest(id:$id){userErrors{code message}}}", { id }).catch(reject);
  });
}

function verified(secret, { headers, body }) {
  try {
    return Boolean(new Webhook(secret).verify(body, headers));
  } catch {
    return false;
  }
}

const input = {
  url: `http://hooks.localhost:${receiver.address().port}/keystall`,
  events: ["PRODUCT_CHANGED"],
  document: "query P($id: ID!) { node(id: $id) { ... on Product { name status } } }",
};
const made = await asked(
  "mutation C($input:WebhookInput!){webhookCreate(input:$input){userErrors{code message} secret webhook{id}}}",
  { input },
);
const first = await tested(made.webhook.id);
const rotated = await asked(
  "mutation R($id:ID!){webhookSecretRotate(id:$id){userErrors{code message} secret}}",
  { id: made.webhook.id },
);
const second = await tested(made.webhook.id);
receiver.close();

const stale = { ...first.headers, "webhook-timestamp": String(Number(first.headers["webhook-timestamp"]) - 600) };
const checks = {
  "a delivery is verified": verified(made.secret, first),
  "it tells of a product": JSON.parse(first.body).data?.node?.name !== undefined,
  "another body is refused": !verified(made.secret, { ...first, body: `${first.body} ` }),
  "another moment is refused": !verified(made.secret, { ...first, headers: stale }),
  "another secret is refused": !verified(rotated.secret, first),
  "after a change the new secret verifies": verified(rotated.secret, second),
  "and for a day the old one, too": verified(made.secret, second),
};
for (const [what, holds] of Object.entries(checks)) console.log(`${holds ? "ok " : "NOT"}  ${what}`);
process.exit(Object.values(checks).every(Boolean) ? 0 : 1);
