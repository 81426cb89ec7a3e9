import type { CodegenConfig } from "@graphql-codegen/cli";

/** Types for the documents in src/, made from the schema that the API is held to. */
const config: CodegenConfig = {
  schema: "../../graphql/storefront.graphql",
  documents: ["src/**/*.{ts,tsx}", "!src/gql/**"],
  generates: {
    "src/gql/": {
      preset: "client",
      presetConfig: { fragmentMasking: false },
      config: {
        strictScalars: true,
        useTypeImports: true,
        scalars: { DateTime: "string", MinorUnits: "number", URL: "string" },
      },
    },
  },
};

export default config;
