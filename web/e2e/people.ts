import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { setting, sample, PATIENCE_MS } from "./setting";

interface Item {
  id: string;
  status: string;
}

const KINDS: Record<string, string> = { ".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp" };

/** Somebody with a collection of their own, and the API at hand to fill it and to look into it. */
export class Person {
  readonly email = `${randomUUID()}@users.example`;
  readonly password = `Pass-${randomUUID()}-Word`;
  #token = "";

  /** A confirmed user of the local cloud. */
  static async arrives(): Promise<Person> {
    const person = new Person();
    const user = { UserPoolId: setting.cognito.pool, Username: person.email };
    await cognito("AdminCreateUser", {
      ...user,
      MessageAction: "SUPPRESS",
      UserAttributes: [
        { Name: "email", Value: person.email },
        { Name: "email_verified", Value: "true" },
      ],
    });
    await cognito("AdminSetUserPassword", { ...user, Password: person.password, Permanent: true });
    person.#token = await person.#signIn();
    return person;
  }

  /** Somebody who has these samples, read and ready. */
  static async with(...names: string[]): Promise<Person> {
    const person = await Person.arrives();
    for (const name of names) await person.#add(name);
    await person.until("every picture is ready", (items) => items.every(({ status }) => status === "ready"));
    return person;
  }

  async #add(name: string): Promise<void> {
    const body = new FormData();
    const file = new Blob([await readFile(sample(name))], { type: KINDS[path.extname(name)] ?? "" });
    body.append("file", file, name);
    await this.#ask("POST", "/items", body);
  }

  async #signIn(): Promise<string> {
    const answer = await cognito("InitiateAuth", {
      AuthFlow: "USER_PASSWORD_AUTH",
      ClientId: setting.cognito.client,
      AuthParameters: { USERNAME: this.email, PASSWORD: this.password },
    });
    return (answer["AuthenticationResult"] as { AccessToken: string }).AccessToken;
  }

  async canSignIn(): Promise<boolean> {
    return this.#signIn().then(
      () => true,
      (error: Error) => {
        if (/NotAuthorized|UserNotFound/.test(error.message)) return false;
        throw error;
      },
    );
  }

  async items(): Promise<Item[]> {
    return ((await this.#ask("GET", "/items?limit=100")) as { items: Item[] }).items;
  }

  async until(what: string, holds: (items: Item[]) => boolean): Promise<void> {
    const end = Date.now() + PATIENCE_MS;
    let items = await this.items();
    while (!holds(items)) {
      if (Date.now() > end) throw new Error(`${what}: not within ${PATIENCE_MS} ms: ${JSON.stringify(items)}`);
      await new Promise((resolve) => setTimeout(resolve, 500));
      items = await this.items();
    }
  }

  async delete(items: Item[]): Promise<void> {
    const body = JSON.stringify({ ids: items.map(({ id }) => id), action: "delete", tags: [] });
    if (items.length > 0) await this.#ask("POST", "/items/batch", body);
  }

  async #ask(method: string, place: string, body?: string | FormData): Promise<unknown> {
    const response = await fetch(`${setting.api}${place}`, {
      method,
      headers: {
        Authorization: `Bearer ${this.#token}`,
        ...(typeof body === "string" && { "Content-Type": "application/json" }),
      },
      ...(body && { body }),
    });
    if (!response.ok) throw new Error(`${method} ${place}: ${response.status} ${await response.text()}`);
    return response.json();
  }
}

/** The local cloud believes whoever names themselves: no request to it is signed. */
async function cognito(action: string, body: unknown): Promise<Record<string, unknown>> {
  const { url, region } = setting.cognito;
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "Content-Type": "application/x-amz-json-1.1",
      "X-Amz-Target": `AWSCognitoIdentityProviderService.${action}`,
      Authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/cognito-idp/aws4_request, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${action}: ${response.status} ${await response.text()}`);
  const text = await response.text();
  return text ? (JSON.parse(text) as Record<string, unknown>) : {};
}
