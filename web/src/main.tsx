import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import "uplot/dist/uPlot.min.css";
import "./styles/base.css";
import "./styles/components.css";
import "./styles/table.css";
import "./styles/charts.css";
import "./styles/pages.css";
import "./styles/compare.css";
import "./styles/graph.css";
import "./styles/media.css";
import "./styles/sweeps.css";
import "./styles/reports.css";
import { ApiError } from "./api/client";
import { App } from "./App";

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5000,
      // What the server refused stays refused; what did not reach it is worth a second try.
      retry: (count, error) => count < 2 && error instanceof ApiError && (error.status === 0 || error.status >= 502),
    },
  },
});

const root = document.getElementById("root");
if (root)
  createRoot(root).render(
    <QueryClientProvider client={client}>
      <App />
    </QueryClientProvider>,
  );
