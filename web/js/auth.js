// Signing in by Cognito's managed login: authorization code with PKCE (RFC 7636). The access token lives in memory;
// the refresh token survives a reload of this tab and nothing more.

const PENDING = "collections.pending";
const REFRESH = "collections.refresh";
const RENEW_BEFORE_MS = 60_000;
const callback = `${location.origin}/`;

let config;
let session = null;
let renewing = null;

/** Loads where things are, takes up a sign-in or a session that is under way. Returns the configuration. */
export async function start() {
  config = await (await fetch("/config.json", { cache: "no-store" })).json();
  const answer = new URLSearchParams(location.search);
  if (answer.has("state") && (answer.has("code") || answer.has("error"))) await finishSignIn(answer);
  else if (sessionStorage.getItem(REFRESH)) await renew();
  return config;
}

export const email = () => session?.email;

export async function startSignIn(page = "/oauth2/authorize") {
  if (!crypto.subtle) throw new Error("Signing in needs a secure address: open this page over HTTPS.");
  const pending = { state: random(), verifier: random(), returnTo: location.pathname + location.search };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pending.verifier));
  location.assign(address(page, {
    client_id: config.clientId,
    response_type: "code",
    scope: "openid email profile",
    redirect_uri: callback,
    state: pending.state,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  }));
}

export async function signOut() {
  const token = sessionStorage.getItem(REFRESH);
  forget();
  // The local cloud's login forgets tokens but cannot revoke them.
  if (token && config.cloud === "aws") await post("/oauth2/revoke", { token, client_id: config.clientId }).catch(() => null);
  location.assign(address("/logout", { client_id: config.clientId, logout_uri: callback }));
}

/** A token that is good for at least another minute. */
export async function accessToken({ fresh = false } = {}) {
  if (!session || fresh || session.expiresAt - Date.now() < RENEW_BEFORE_MS) await (renewing ??= renew());
  if (!session) throw new Error("Your session has ended. Please sign in again.");
  return session.accessToken;
}

async function finishSignIn(answer) {
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null");
  sessionStorage.removeItem(PENDING);
  history.replaceState(null, "", pending?.returnTo ?? "/");
  // Somebody else's answer opens nothing, and ends no session either.
  if (pending?.state !== answer.get("state") && sessionStorage.getItem(REFRESH)) return renew();
  if (pending?.state !== answer.get("state")) throw new Error("That sign-in was not started in this tab. Please sign in again.");
  if (!answer.has("code")) throw new Error(answer.get("error_description") ?? "Signing in did not work. Please try again.");
  const response = await post("/oauth2/token", {
    grant_type: "authorization_code",
    client_id: config.clientId,
    code: answer.get("code"),
    redirect_uri: callback,
    code_verifier: pending.verifier,
  });
  if (!response.ok) throw new Error("Signing in did not work. Please try again.");
  remember(await response.json());
}

async function renew() {
  try {
    const token = sessionStorage.getItem(REFRESH);
    const response = token && await post("/oauth2/token", {
      grant_type: "refresh_token", client_id: config.clientId, refresh_token: token,
    });
    if (response?.ok) remember(await response.json());
    // A 5xx is the service's trouble, not the end of the session.
    else if (!response || response.status < 500) forget();
    else throw new Error("The sign-in service does not answer. Please try again in a moment.");
  } finally {
    renewing = null;
  }
}

function remember(tokens) {
  if (tokens.refresh_token) sessionStorage.setItem(REFRESH, tokens.refresh_token);
  session = {
    accessToken: tokens.access_token,
    expiresAt: Date.now() + tokens.expires_in * 1000,
    email: claims(tokens.id_token).email ?? session?.email ?? "",
  };
}

function forget() {
  session = null;
  sessionStorage.removeItem(REFRESH);
  document.dispatchEvent(new Event("signed-out"));
}

/** What the ID token says, for display: nothing is decided by it. */
function claims(token) {
  if (!token) return {};
  const bytes = Uint8Array.from(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

const post = (path, fields) => fetch(config.signInUrl + path, { method: "POST", body: new URLSearchParams(fields) });
const address = (path, fields) => `${config.signInUrl}${path}?${new URLSearchParams(fields)}`;
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
