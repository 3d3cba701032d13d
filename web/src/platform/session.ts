import { OidcClient, User, UserManager, type StateStore, type UserManagerSettings } from "oidc-client-ts";
import type { Config } from "./config";

/**
 * Who is signed in, by Cognito's managed login (authorization code with PKCE).
 *
 * Access and ID tokens live in memory alone. The refresh token is kept for this tab, so that a reload does not end the
 * session; it is rotated by the server where the server rotates.
 */
export class Session {
  readonly #manager: UserManager;
  readonly #config: Config;
  readonly #settings: UserManagerSettings;
  #user: User | null = null;
  #renewing: Promise<void> | null = null;
  readonly #listeners = new Set<() => void>();

  constructor(config: Config) {
    this.#config = config;
    const here = `${location.origin}/`;
    this.#settings = {
      authority: config.issuer,
      client_id: config.clientId,
      redirect_uri: here,
      post_logout_redirect_uri: here,
      response_type: "code",
      scope: "openid email profile",
      automaticSilentRenew: false,
      loadUserInfo: false,
      userStore: new RefreshTokenStore(),
      // Given here, so that signing in needs no discovery request and works with the local cloud's addresses.
      metadata: {
        issuer: config.issuer,
        authorization_endpoint: `${config.signInUrl}/oauth2/authorize`,
        token_endpoint: `${config.signInUrl}/oauth2/token`,
        revocation_endpoint: `${config.signInUrl}/oauth2/revoke`,
        end_session_endpoint: `${config.signInUrl}/logout`,
        jwks_uri: `${config.issuer}/.well-known/jwks.json`,
      },
    };
    this.#manager = new UserManager(this.#settings);
  }

  /** Takes up a sign-in or a session that is under way. Returns where the user was, if they come from signing in. */
  async start(): Promise<string | null> {
    const answer = new URLSearchParams(location.search);
    if (answer.has("state") && (answer.has("code") || answer.has("error"))) return this.#finishSignIn();
    if ((await this.#manager.getUser()) !== null) await this.#renew();
    return null;
  }

  async #finishSignIn(): Promise<string> {
    try {
      const user = await this.#manager.signinCallback();
      this.#remember(user ?? null);
      return (user?.state as string | undefined) ?? "/";
    } finally {
      history.replaceState(null, "", "/");
    }
  }

  signIn(): Promise<void> {
    return this.#manager.signinRedirect({ state: location.pathname + location.search });
  }

  /** Managed login's sign-up page is the same request at another address; the local cloud has none. */
  get canSignUp(): boolean {
    return this.#config.cloud === "aws";
  }

  async signUp(): Promise<void> {
    const request = await new OidcClient(this.#settings).createSigninRequest({ state: "/" });
    location.assign(request.url.replace("/oauth2/authorize?", "/signup?"));
  }

  /** One click in the local cloud: the demo user that `make up` made. */
  async signInAsDemo(): Promise<void> {
    const { demo, signInUrl, clientId } = this.#config;
    if (!demo) throw new Error("There is no demo user here.");
    const response = await fetch(`${signInUrl}/`, {
      method: "POST",
      headers: {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth",
      },
      body: JSON.stringify({
        AuthFlow: "USER_PASSWORD_AUTH",
        ClientId: clientId,
        AuthParameters: { USERNAME: demo.email, PASSWORD: demo.password },
      }),
    });
    if (!response.ok) throw new Error("The demo user could not sign in. Run make up again.");
    const { AuthenticationResult: tokens } = (await response.json()) as { AuthenticationResult: CognitoTokens };
    const user = new User({
      access_token: tokens.AccessToken,
      id_token: tokens.IdToken,
      refresh_token: tokens.RefreshToken,
      token_type: "Bearer",
      scope: "openid email profile",
      profile: claims(tokens.IdToken),
      expires_at: Math.floor(Date.now() / 1000) + tokens.ExpiresIn,
    });
    await this.#manager.storeUser(user);
    this.#remember(user);
  }

  async signOut(): Promise<void> {
    await this.#manager.removeUser();
    this.#remember(null);
    // Cognito's own dialect: `logout_uri` and `client_id`, where OpenID Connect has `post_logout_redirect_uri`.
    const fields = new URLSearchParams({ client_id: this.#config.clientId, logout_uri: `${location.origin}/` });
    location.assign(`${this.#config.signInUrl}/logout?${fields}`);
  }

  get isSignedIn(): boolean {
    return this.#user !== null;
  }

  /** Cognito's `sub`: the tenant. Empty when nobody is signed in. */
  get userId(): string {
    return this.#user?.profile.sub ?? "";
  }

  get email(): string {
    return this.#user?.profile.email ?? "";
  }

  /** An access token that is good for at least another minute; null when the session has ended. */
  async accessToken({ fresh = false } = {}): Promise<string | null> {
    if (this.#user && (fresh || (this.#user.expires_in ?? 0) < 60)) {
      await (this.#renewing ??= this.#renew().finally(() => (this.#renewing = null)));
    }
    return this.#user?.access_token ?? null;
  }

  /** For `useSyncExternalStore`. */
  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  async #renew(): Promise<void> {
    try {
      this.#remember(await this.#manager.signinSilent());
    } catch (error) {
      // Offline or a server in trouble ends no session; a refusal does.
      if (error instanceof TypeError) throw error;
      await this.#manager.removeUser();
      this.#remember(null);
    }
  }

  #remember(user: User | null): void {
    this.#user = user;
    for (const listener of this.#listeners) listener();
  }
}

interface CognitoTokens {
  AccessToken: string;
  IdToken: string;
  RefreshToken: string;
  ExpiresIn: number;
}

/** What an ID token says, for display: nothing is decided by it. */
function claims(token: string): User["profile"] {
  const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
  const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes)) as User["profile"];
}

/** Keeps the user for this tab, without the tokens that open doors at once. */
class RefreshTokenStore implements StateStore {
  async set(key: string, value: string): Promise<void> {
    const { refresh_token, profile, scope, token_type } = JSON.parse(value) as Record<string, unknown>;
    sessionStorage.setItem(
      key,
      JSON.stringify({ refresh_token, profile, scope, token_type, access_token: "", expires_at: 0 }),
    );
  }
  async get(key: string): Promise<string | null> {
    return sessionStorage.getItem(key);
  }
  async remove(key: string): Promise<string | null> {
    const value = sessionStorage.getItem(key);
    sessionStorage.removeItem(key);
    return value;
  }
  async getAllKeys(): Promise<string[]> {
    return Object.keys(sessionStorage);
  }
}
