import axe from "axe-core";
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import type { Person } from "./people";
import { PATIENCE_MS, setting } from "./setting";

const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

let browser: Browser;
let contexts: BrowserContext[] = [];
let problems: string[] = [];
let said: string[] = [];

/**
 * A browser for one file of tests, and new pages for each test. What a page of a failed test looked like is kept in
 * `reports/failures`; what its console said is printed.
 */
export function useBrowser(): void {
  beforeAll(async () => {
    if (!existsSync(setting.chromium)) throw new Error(`There is no browser at ${setting.chromium}.`);
    browser = await chromium.launch({ executablePath: setting.chromium, args: ARGUMENTS });
  });
  beforeEach(() => {
    [problems, said] = [[], []];
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === "fail") await report(task.name);
    await Promise.all(contexts.map((context) => context.close()));
    contexts = [];
  });
  afterAll(async () => {
    await browser.close();
  });
}

async function report(name: string): Promise<void> {
  mkdirSync(setting.failures, { recursive: true });
  const pages = contexts.flatMap((context) => context.pages());
  for (const [place, page] of pages.entries()) {
    const file = path.join(setting.failures, `${name.replaceAll(/\W+/g, "-")}-${place + 1}.png`);
    const outcome = await page.screenshot({ path: file, timeout: 20_000 }).then(
      () => file,
      (error: unknown) => `no picture: ${String(error)}`,
    );
    console.error(`${name}: ${page.url()}: ${outcome}`);
  }
  console.error(`${name}: the console said\n  ${said.join("\n  ") || "nothing"}`);
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
  context.setDefaultTimeout(PATIENCE_MS);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await context.newPage();
  listen(page);
  await page.goto(setting.url);
  return page;
}

function listen(page: Page): void {
  page.on("pageerror", (error) => {
    problems.push(error.message);
    said.push(`error: ${error.stack ?? error.message}`);
  });
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    said.push(`${message.type()}: ${message.text()} (${message.location().url})`);
    // A content security policy that is broken is told here.
    if (/Content Security Policy|Uncaught/.test(message.text())) problems.push(message.text());
  });
  page.on("requestfailed", (request) =>
    said.push(`${request.method()} ${request.url()}: ${request.failure()?.errorText}`),
  );
}

/** What pages complained about since the test began. */
export const complaints = (): string[] => problems;

/** Through the managed login page: authorization code with PKCE. */
export async function signIn(page: Page, { email, password }: Person): Promise<void> {
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.fill("input[type=email], input[name=username]", email);
  await page.fill("input[type=password]", password);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Your collection" }).waitFor();
}

export async function signedIn(person: Person, view: View = {}): Promise<Page> {
  const page = await newPage(view);
  await signIn(page, person);
  return page;
}

export async function upload(page: Page, ...files: (string | { name: string; mimeType: string; buffer: Buffer })[]) {
  const input = page.locator("input[type=file][multiple]").first();
  await input.setInputFiles(files as string[]);
}

/** The cards of the pictures in view. */
export const cards = (page: Page) => page.locator("[data-card]");

export const soon = { timeout: PATIENCE_MS };

export async function expectCards(page: Page, count: number): Promise<void> {
  await expect.poll(() => cards(page).count(), soon).toBe(count);
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
  // Nothing is pointed at.
  await page.mouse.move(0, 0);
  await page.waitForLoadState("networkidle");
  await page.evaluate(() => {
    // Lazy ones below are not fetched at all.
    const inView = [...document.images].filter((image) => image.getBoundingClientRect().top < innerHeight);
    return Promise.all(inView.map((image) => image.decode().catch(() => null)));
  });
  await page.screenshot({ path: path.join(setting.screens, `${name}.png`) });
}
