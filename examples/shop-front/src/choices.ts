/** What the visitor chose, kept by the browser. */

export type Locale = "en" | "zh-CN";

/** The language of ours that a tag such as zh-TW or en-GB is nearest to. */
export const nearest = (tag: string): Locale =>
  tag.toLowerCase().startsWith("zh") ? "zh-CN" : "en";

export function choices(): { locale: Locale; currency: string | null } {
  return {
    locale: nearest(localStorage.getItem("locale") ?? navigator.language),
    currency: localStorage.getItem("currency"),
  };
}

/** Every answer hangs on these two, and so does what was kept of them: the page begins anew. */
export function choose(what: "locale" | "currency", value: string): void {
  localStorage.setItem(what, value);
  location.reload();
}
