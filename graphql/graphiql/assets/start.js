// Starts GraphiQL on the endpoint that this page was loaded from, with a sample in each tab.
(() => {
  const samples = JSON.parse(document.getElementById("samples").textContent);
  const fetcher = GraphiQL.createFetcher({ url: window.location.pathname });
  ReactDOM.createRoot(document.getElementById("graphiql")).render(
    React.createElement(GraphiQL, {
      fetcher,
      defaultTabs: samples,
      defaultEditorToolsVisibility: true,
      shouldPersistHeaders: false,
    }),
  );
})();
