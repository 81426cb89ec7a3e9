// Vendure as its makers set it up for production, on this machine's loopback only.
process.env.VENDURE_DISABLE_TELEMETRY = "true";
const {
  DefaultJobQueuePlugin, DefaultLogger, DefaultSearchPlugin, LogLevel, dummyPaymentHandler,
} = require("@vendure/core");

const seeding = process.env.SEED === "1";

exports.config = {
  apiOptions: {
    hostname: "127.0.0.1", port: Number(process.env.PORT),
    adminApiPath: "admin-api", shopApiPath: "shop-api",
    shopApiPlayground: false, adminApiPlayground: false,
    shopApiDebug: false, adminApiDebug: false, introspection: false,
  },
  logger: new DefaultLogger({ level: LogLevel.Warn }),
  authOptions: {
    tokenMethod: ["bearer", "cookie"], requireVerification: false,
    cookieOptions: { secret: "of-a-benchmark" },
    superadminCredentials: { identifier: "bench", password: "of-a-benchmark" },
  },
  dbConnectionOptions: {
    type: "postgres", url: process.env.DATABASE, synchronize: seeding, logging: false,
    migrations: [], extra: { max: 20 },
  },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  plugins: [
    DefaultJobQueuePlugin.init(seeding ? { pollInterval: 10, concurrency: 4 } : {}),
    DefaultSearchPlugin.init({ indexStockStatus: true, bufferUpdates: false }),
  ],
};
