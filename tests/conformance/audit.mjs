// What a GraphQL-over-HTTP server should do, asked of one endpoint: node audit.mjs URL HOST [TOKEN]
// The address is an IP, and the host a header: not every resolver knows *.localhost.
import http from "node:http";
import { auditServer } from "graphql-http";

const [url, host, token] = process.argv.slice(2);

function fetchFn(address, options = {}) {
  const headers = { ...Object.fromEntries(new Headers(options.headers)), host };
  if (token) headers.authorization = `Bearer ${token}`;
  return new Promise((resolve, reject) => {
    const request = http.request(address, { method: options.method ?? "GET", headers }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () => {
        const body = [204, 304].includes(answer.statusCode) ? null : Buffer.concat(parts);
        resolve(new Response(body, { status: answer.statusCode, headers: answer.headers }));
      });
    });
    request.on("error", reject);
    request.end(options.body);
  });
}

const results = await auditServer({ url, fetchFn });
const bad = results.filter((one) => one.status !== "ok");
for (const one of bad) console.log(`${one.status}  ${one.id}  ${one.name}: ${one.reason}`);
console.log(`${host}${new URL(url).pathname}: ${results.length - bad.length} of ${results.length} checks ok`);
process.exit(bad.length || !results.length ? 1 : 0);
