import { createContext, use, useSyncExternalStore } from "react";
import type { Uploads } from "../upload/uploads";
import type { Api } from "./api";
import type { Config } from "./config";
import type { Live } from "./live";
import type { Session } from "./session";

/** What is built once, in main.tsx, and used everywhere. */
export interface Platform {
  config: Config;
  session: Session;
  api: Api;
  live: Live;
  uploads: Uploads;
}

const PlatformContext = createContext<Platform | null>(null);

export const PlatformProvider = PlatformContext.Provider;

export function usePlatform(): Platform {
  const platform = use(PlatformContext);
  if (!platform) throw new Error("PlatformProvider is missing");
  return platform;
}

export const useApi = () => usePlatform().api;

export function useSignedIn(): boolean {
  const { session } = usePlatform();
  return useSyncExternalStore(session.subscribe, () => session.isSignedIn);
}
