import { useState } from "react";
import { useClient } from "urql";

import { useFront } from "./front";
import { graphql } from "./gql";
import type { CodesQuery } from "./gql/graphql";
import { Problem, reason } from "./states";

const CodesByToken = graphql(/* GraphQL */ `
  query Codes($token: String!) {
    order(token: $token) {
      lines {
        id
        productName
        variantName
        codes {
          id
          secret
        }
      }
    }
  }
`);

type Lines = NonNullable<CodesQuery["order"]>["lines"];

/**
 * The codes, once their buyer wants to see them. Each answer is recorded as a reveal, so they are
 * asked for once for each press, and nothing of the answer is kept.
 */
export function Codes({ token }: { token: string }) {
  const { words } = useFront();
  const client = useClient();
  const [lines, setLines] = useState<Lines>();
  const [problem, setProblem] = useState<string>();

  async function show() {
    const { data, error } = await client.query(
      CodesByToken,
      { token },
      { requestPolicy: "network-only" },
    );
    setLines(data?.order?.lines);
    setProblem(error && reason({ error, words }));
  }

  if (!lines) {
    return (
      <>
        <button type="button" className="main" onClick={() => void show()}>
          {words.showCodes}
        </button>
        <Problem text={problem} />
      </>
    );
  }
  return (
    <section className="codes" aria-label={words.codes}>
      {lines.map(({ id, productName, variantName, codes }) => (
        <div key={id}>
          <h2>
            {productName} <span className="soft">{variantName}</span>
          </h2>
          {codes.map((code) =>
            code.secret === null ? (
              <p key={code.id} className="note">
                {words.lost}
              </p>
            ) : (
              <Code key={code.id} secret={code.secret} />
            ),
          )}
        </div>
      ))}
    </section>
  );
}

function Code({ secret }: { secret: string }) {
  const { words } = useFront();
  const [copied, setCopied] = useState(false);
  return (
    <p className="code">
      <code>{secret}</code>
      {/* Only pages of https or localhost may write to the clipboard; elsewhere a tap selects. */}
      {"clipboard" in navigator && (
        <button
          type="button"
          onClick={async () => {
            await navigator.clipboard.writeText(secret);
            setCopied(true);
          }}
        >
          {copied ? words.copied : words.copy}
        </button>
      )}
    </p>
  );
}
