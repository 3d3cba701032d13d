import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { refreshLists } from "./collection/queries";
import { t } from "./i18n";
import { ApiError, createApi } from "./platform/api";
import { loadConfig } from "./platform/config";
import { PlatformProvider, usePlatform, useSignedIn, type Platform } from "./platform/context";
import { Live } from "./platform/live";
import { Session } from "./platform/session";
import { applyTheme } from "./platform/theme";
import { router } from "./routes";
import "./styles.css";
import { tellProblem, toast } from "./ui/toasts";
import { takeShared } from "./upload/shared";
import { IndexedDbShelf } from "./upload/shelf";
import { Uploads } from "./upload/uploads";
import { Welcome } from "./Welcome";

applyTheme();

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // A refusal is not asked for again; an outage is.
      retry: (failures, error) =>
        failures < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
    },
  },
});

// Hundreds of pictures are no hundreds of lists.
const GATHER_MS = 1000;

/** Runs once for all calls that come within some time. */
function gathered(run: () => void, ms: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      run();
    }, ms);
  };
}

async function main(): Promise<void> {
  const root = createRoot(document.getElementById("root") as HTMLElement);
  let problem: string | null = null;
  const config = await loadConfig().catch(() => null);
  if (!config) return root.render(<p role="alert">{t("error.offline")}</p>);
  const session = new Session(config);
  try {
    const returnTo = await session.start();
    if (returnTo) router.history.replace(returnTo);
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  const api = createApi(session, config.apiUrl);
  const live = new Live(config.webSocketUrl, session);
  const uploads = new Uploads(
    api,
    new IndexedDbShelf(),
    gathered(() => void refreshLists(queries), GATHER_MS),
  );
  root.render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <PlatformProvider value={{ config, session, api, live, uploads }}>
          <Door problem={problem} />
        </PlatformProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
  if ("serviceWorker" in navigator) void navigator.serviceWorker.register("/service-worker.js");
}

function Door({ problem }: { problem: string | null }) {
  const isSignedIn = useSignedIn();
  return isSignedIn ? <Inside /> : <Welcome problem={problem} />;
}

function Inside() {
  const platform = usePlatform();
  useEffect(() => enter(platform), [platform]);
  return <RouterProvider router={router} />;
}

/** What begins with a signed-in user and ends with them. */
function enter({ session, live, uploads }: Platform): () => void {
  void live.start();
  void uploads.resume(session.userId).then((count) => count > 0 && toast(t("upload.resumed", { count })));
  void takeShared((files) => uploads.add(files)).catch(tellProblem);
  return () => {
    live.stop();
    queries.clear();
  };
}

void main();
