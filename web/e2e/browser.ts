import axe from "axe-core";
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";

interface User {
  email: string;
  password: string;
}

/** What tests/e2e/test_web.py hands over. */
interface Setting {
  url: string;
  samples: string;
  screens: string;
  chromium: string;
  users: User[];
}

export const setting = JSON.parse(process.env["E2E"] ?? "{}") as Setting;

const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const sample = (name: string): string => path.join(setting.samples, name);

let browser: Browser;
const contexts: BrowserContext[] = [];
let problems: string[] = [];

/** A browser for one file of tests; what its pages complain about fails the test that asks `complaints`. */
export function useBrowser(): void {
  beforeAll(async () => {
    if (!existsSync(setting.chromium)) throw new Error(`There is no browser at ${setting.chromium}.`);
    browser = await chromium.launch({ executablePath: setting.chromium, args: ARGUMENTS });
  });
  afterAll(async () => {
    await browser.close();
  });
}

export interface View {
  width?: number;
  height?: number;
  dark?: boolean;
  phone?: boolean;
}

export async function newPage({ width = 1280, height = 860, dark = false, phone = false }: View = {}): Promise<Page> {
  const context = await browser.newContext({
    viewport: phone ? { width: 390, height: 844 } : { width, height },
    colorScheme: dark ? "dark" : "light",
    isMobile: phone,
    hasTouch: phone,
    reducedMotion: "reduce",
  });
  contexts.push(context);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await context.newPage();
  page.on("pageerror", (error) => problems.push(error.message));
  // A content security policy that is broken is told here.
  page.on("console", (message) => {
    if (message.type() === "error" && /Content Security Policy|Uncaught/.test(message.text()))
      problems.push(message.text());
  });
  await page.goto(setting.url);
  return page;
}

/** What pages complained about since the last time it was asked. */
export function complaints(): string[] {
  const told = problems;
  problems = [];
  return told;
}

/** Through the managed login page: authorization code with PKCE. */
export async function signIn(page: Page, user: User | undefined): Promise<void> {
  if (!user) throw new Error("No such user was made for the tests.");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.fill("input[type=email], input[name=username]", user.email);
  await page.fill("input[type=password]", user.password);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Your collection" }).waitFor();
}

export async function signedIn(place: number, view: View = {}): Promise<Page> {
  const page = await newPage(view);
  await signIn(page, setting.users[place]);
  return page;
}

export async function upload(page: Page, ...files: (string | { name: string; mimeType: string; buffer: Buffer })[]) {
  const input = page.locator("input[type=file][multiple]").first();
  await input.setInputFiles(files as string[]);
}

/** The cards of pictures that are ready. */
export const cards = (page: Page) => page.locator("[data-card]");

export async function expectCards(page: Page, count: number, within = 60_000): Promise<void> {
  await expect.poll(() => cards(page).count(), { timeout: within }).toBe(count);
}

/** Until every picture that is shown has been read. */
export async function settled(page: Page): Promise<void> {
  const moving = page.locator(
    "[data-card][aria-label$=', Uploading'], [data-card][aria-label$=', Preparing'], [data-card][aria-label$=', Reading'], [data-card][aria-label$=', Indexing']",
  );
  await expect.poll(() => moving.count(), { timeout: 80_000 }).toBe(0);
}

/** WCAG 2.2 AA, by axe. Returns what is wrong, in words. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
  });
  return found;
}

export async function screen(page: Page, name: string): Promise<void> {
  mkdirSync(setting.screens, { recursive: true });
  await page.waitForLoadState("networkidle");
  await page.screenshot({ path: path.join(setting.screens, `${name}.png`) });
}
