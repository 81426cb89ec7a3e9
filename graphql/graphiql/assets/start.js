// Starts GraphiQL on the endpoint that this page was loaded from, with a sample in each tab; what
// the address names behind its "#" (query, variables) comes first, and is not run by itself.
(() => {
  const samples = JSON.parse(document.getElementById("samples").textContent);
  const asked = new URLSearchParams(window.location.hash.slice(1));
  const query = asked.get("query");
  const variables = asked.get("variables") ?? "";
  const opened = query ? { query, variables } : undefined;
  const url = window.location.pathname;
  const subscriptionUrl = window.location.origin.replace(/^http/, "ws") + url;
  const fetcher = GraphiQL.createFetcher({ url, subscriptionUrl });
  ReactDOM.createRoot(document.getElementById("graphiql")).render(
    React.createElement(GraphiQL, {
      fetcher,
      ...opened,
      defaultTabs: opened ? [opened, ...samples] : samples,
      defaultEditorToolsVisibility: true,
      shouldPersistHeaders: false,
    }),
  );
})();
