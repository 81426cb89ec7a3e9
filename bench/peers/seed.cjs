// Makes Vendure's tables, and 1,000 products with a price, plenty of stock and a search index.
process.env.SEED = "1";
process.env.CREATING_VENDURE_APP = "true";
const fs = require("fs");
const { bootstrap, JobQueueService, TransactionalConnection } = require("@vendure/core");
const { populate } = require("@vendure/core/cli");
const { config } = require("./config.cjs");

const TEXT = "A digital licence delivered by e-mail at once after payment. No expiry. ";
const [csv] = process.argv.slice(2);
const rows = [
  "name,slug,description,assets,facets,optionGroups,optionValues,sku,price,taxCategory," +
    "stockOnHand,trackInventory,variantAssets,variantFacets",
];
for (let n = 1; n <= 1000; n++) {
  const price = (5 + (n % 60)).toFixed(2);
  rows.push(
    `Product ${n},product-${n},"${TEXT}${TEXT}Number ${n}.",,category:Group ${n % 10},,,` +
      `SKU-${n},${price},standard,10000000,true,,`,
  );
}
fs.writeFileSync(csv, rows.join("\n"));

const initial = {
  defaultLanguage: "en",
  defaultZone: "Europe",
  countries: [{ name: "United Kingdom", code: "GB", zone: "Europe" }],
  taxRates: [{ name: "Standard Tax", percentage: 20 }],
  shippingMethods: [{ name: "Standard Shipping", price: 0 }],
  paymentMethods: [{
    name: "Dummy",
    handler: {
      code: "dummy-payment-handler", arguments: [{ name: "automaticSettle", value: "true" }],
    },
  }],
  collections: [{
    name: "All",
    filters: [{
      code: "facet-value-filter", args: { facetValueNames: ["Group 1"], containsAny: true },
    }],
  }],
};

const WAITING = "state in ('PENDING', 'RUNNING', 'RETRYING')";

async function started() {
  const app = await bootstrap(config);
  await app.get(JobQueueService).start();
  return app;
}

(async () => {
  const app = await populate(started, initial, csv);
  const database = app.get(TransactionalConnection).rawConnection;
  // Its job queue fills the search index and the collection.
  for (let left = 1; left > 0; ) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const [found] = await database.query(`select count(*) from job_record where ${WAITING}`);
    left = Number(found.count);
  }
  await app.close();
  process.exit(0);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
