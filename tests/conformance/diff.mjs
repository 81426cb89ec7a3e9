// What has changed since the last release: node diff.mjs FOLDER FOLDER, both with *.graphql.
// Fails where a client that works with the first would not work with the second.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { diff } from "@graphql-inspector/core";
import { buildSchema } from "graphql";

const [released, current] = process.argv.slice(2);
const read = (folder, name) => buildSchema(readFileSync(join(folder, name), "utf8"));
let breaking = 0;
for (const name of readdirSync(released).filter((one) => one.endsWith(".graphql")).sort()) {
  const changes = await diff(read(released, name), read(current, name));
  const count = { BREAKING: 0, DANGEROUS: 0, NON_BREAKING: 0 };
  for (const change of changes) {
    count[change.criticality.level] += 1;
    if (change.criticality.level !== "NON_BREAKING") {
      console.log(`${name}: ${change.criticality.level}: ${change.message}`);
    }
  }
  breaking += count.BREAKING;
  console.log(
    `${name}: ${count.BREAKING} breaking, ${count.DANGEROUS} dangerous, ${count.NON_BREAKING} other changes`,
  );
}
process.exit(breaking ? 1 : 0);
