import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "../api/schema";
import { t } from "../i18n";
import type { Session } from "./session";

export type Item = components["schemas"]["ItemOut"];
export type Analysis = components["schemas"]["AnalysisOut"];
export type SearchResult = components["schemas"]["SearchResult"];
export type SimilarResult = components["schemas"]["SimilarOut"]["results"][number];
export type Schemas = components["schemas"];
export type Api = ReturnType<typeof createApi>;

/** A refusal or an outage, in words that can be shown to people. */
export class ApiError extends Error {
  constructor(
    message: string,
    /** The HTTP status; 0 when nothing answered. */
    readonly status: number,
    /** Seconds, where the server says when to come back. */
    readonly retryAfter?: number,
  ) {
    super(message);
  }
}

/** The typed client of the public API, with the session's token; every failure is an ApiError. */
export function createApi(session: Session, baseUrl: string) {
  const client = createClient<paths>({ baseUrl, fetch: (request: Request) => sendWithToken(session, request) });
  client.use(asErrors);
  return client;
}

async function sendWithToken(session: Session, request: Request): Promise<Response> {
  // A copy makes the body a stream, and that ends with the page: what is to outlive it is sent once.
  const again = request.keepalive ? null : request.clone();
  const response = await send(request, await session.accessToken());
  return response.status === 401 && again ? send(again, await session.accessToken({ fresh: true })) : response;
}

async function send(request: Request, token: string | null): Promise<Response> {
  if (token === null) throw new ApiError(t("error.sessionEnded"), 401);
  request.headers.set("Authorization", `Bearer ${token}`);
  try {
    return await fetch(request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(t("error.offline"), 0);
  }
}

const asErrors: Middleware = {
  async onResponse({ response }) {
    if (response.ok || response.status === 304) return;
    const problem = (await response.json().catch(() => ({}))) as { detail?: string; errors?: { msg: string }[] };
    const wait = Number(response.headers.get("Retry-After")) || undefined;
    const detail = problem.errors?.[0]?.msg ?? problem.detail ?? t("error.unexpected", { status: response.status });
    throw new ApiError(wait ? t("error.tryIn", { detail, wait }) : detail, response.status, wait);
  },
};

/** The data of an answer that was not an error: `asErrors` has thrown otherwise. */
export async function data<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T;
}
