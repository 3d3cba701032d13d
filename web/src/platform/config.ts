/** Where this page was deployed: `config.json`, written at deployment, never cached. */
export interface Config {
  cloud: "aws" | "local";
  apiUrl: string;
  webSocketUrl: string;
  signInUrl: string;
  issuer: string;
  clientId: string;
  /** The demo user of a local cloud; no other cloud has one. */
  demo?: { email: string; password: string };
}

export async function loadConfig(): Promise<Config> {
  const response = await fetch("/config.json", { cache: "no-store" });
  if (!response.ok) throw new Error(`config.json: ${response.status}`);
  return (await response.json()) as Config;
}
