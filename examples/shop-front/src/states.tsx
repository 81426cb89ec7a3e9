import type { ReactNode } from "react";
import type { CombinedError } from "urql";

import { link } from "./route";
import type { Words } from "./words";

export function Loading({ words }: { words: Words }) {
  return (
    <p className="loading" role="status">
      <span>{words.loading}</span>
    </p>
  );
}

/** A request that was not served: errors at the top, or no answer at all. */
export function Failed({ error, again, words }: Told & { again: () => void }) {
  return (
    <div className="state" role="alert">
      <p>{reason({ error, words })}</p>
      <button type="button" onClick={() => again()}>
        {words.retry}
      </button>
    </div>
  );
}

interface Told {
  error: CombinedError;
  words: Words;
}

export function reason({ error, words }: Told): string {
  if (error.networkError) return words.unreachable;
  const throttled = error.graphQLErrors.some(({ extensions }) => extensions.code === "THROTTLED");
  return throttled ? words.busy : words.broken;
}

export function Nothing({ words, text, children }: NothingProps) {
  return (
    <div className="state">
      <p>{text}</p>
      {children}
      <a className="button" href={link.shelf}>
        {words.back}
      </a>
    </div>
  );
}

interface NothingProps {
  words: Words;
  text: string;
  children?: ReactNode;
}

/** HTML of the shop's, which the API answers made safe; nothing else may go in here. */
export function Html({ html }: { html: string }) {
  return <div className="prose" dangerouslySetInnerHTML={{ __html: html }} />;
}

/** What is wrong with a field, or with all of it. */
export function Problem({ id, text }: { id?: string; text: string | undefined }) {
  return text ? (
    <p className="problem" id={id} role="alert">
      {text}
    </p>
  ) : null;
}
