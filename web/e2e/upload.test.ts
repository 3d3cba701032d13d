import type { Page, Request, Response, Route } from "playwright-core";
import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { cards, complaints, expectCards, signedIn, soon, upload, useBrowser } from "./browser";
import { Person } from "./people";
import { tinyPicture } from "./pictures";
import { sample, setting } from "./setting";

useBrowser();

it("takes pictures in, shows them move, and names a duplicate before it is sent", async () => {
  const person = await Person.arrives();
  const page = await signedIn(person);
  await page.getByText("Nothing here yet").waitFor();

  await upload(page, sample("receipt-bakery.jpg"), sample("ticket-nordlinie.jpg"));

  await expectCards(page, 2);
  await expectReady(page, 2);
  await page.getByRole("button", { name: "Clear finished" }).click();
  await upload(page, sample("ticket-nordlinie.jpg"));
  await page.getByText("Already in your collection").waitFor();
  await page.getByRole("link", { name: "Show it" }).click();
  await page.getByRole("article").waitFor();
  expect(await person.items()).toHaveLength(2);
  expect(complaints()).toEqual([]);
});

it("says why a picture failed, and tries it again", async () => {
  const page = await signedIn(await Person.arrives());

  await upload(page, { name: "broken.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no picture at all") });

  const failed = page.locator("[data-card][aria-label*='Failed']");
  await failed.waitFor();
  const isTried = (response: Response) => response.url().endsWith("/analyze") && response.ok();
  const again = page.waitForResponse(isTried);
  await page.getByRole("listitem").getByRole("button", { name: "Try again: broken.jpg" }).click();
  await again;
  await failed.waitFor();
  await failed.click();
  const alert = page.getByRole("alert");
  await alert.waitFor();
  expect(await alert.textContent()).toMatch(/could not be read/);
  const onceMore = page.waitForResponse(isTried);
  await alert.getByRole("button", { name: "Try again" }).click();
  await onceMore;
  // The first one's may still be there.
  await page.getByText("It is being read again.").last().waitFor();
});

it("takes pictures that are pasted", async () => {
  const person = await Person.arrives();
  const page = await signedIn(person);
  const png = (await readFile(sample("Screenshot_20260312-0914.png"))).toString("base64");
  await page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    await navigator.clipboard.write([new ClipboardItem({ "image/png": new Blob([bytes], { type: "image/png" }) })]);
  }, png);

  await page.keyboard.press("Control+v");

  await expectReady(page, 1);
});

it("takes a HEIC photograph and shows it", async () => {
  const page = await signedIn(await Person.arrives());

  await upload(page, setting.heic);

  await expectReady(page, 1);
  const thumbnail = cards(page).locator("img");
  await expect
    .poll(() => thumbnail.evaluate((image: HTMLImageElement) => image.naturalWidth).catch(() => 0), soon)
    .toBeGreaterThan(0);
});

it("goes on with uploads after a reload and when the network comes back", async () => {
  const person = await Person.arrives();
  const page = await signedIn(person);
  await page.context().setOffline(true);
  await upload(page, sample("riverside.webp"), sample("scarf.webp"));
  await page.getByText("You are offline.").waitFor();
  await page.context().setOffline(false);
  await page.reload();

  await expectReady(page, 2);
  expect(await person.items()).toHaveLength(2);
});

it("holds back while it is paused", async () => {
  const page = await signedIn(await Person.arrives());
  const storage = await stageStorage(page);
  storage.isOpen = false;
  await upload(page, ...Array.from({ length: 6 }, (_, place) => tinyPicture(place)));
  await expect.poll(() => storage.asked, soon).toBeGreaterThan(0);

  await page.getByRole("button", { name: "Pause" }).click();
  storage.isOpen = true;

  await page.getByRole("heading", { name: "Paused: 6 pictures wait" }).waitFor();
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByRole("heading", { name: "Added" }).waitFor();
  expect(storage.stored).toBe(6);
});

it("sends hundreds at once, as many at a time as one may have under way", async () => {
  const person = await Person.arrives();
  const page = await signedIn(person);
  const storage = await stageStorage(page);
  const told: number[] = [];
  page.on("response", (response) => {
    if (response.url().endsWith("/api/uploads")) told.push(response.status());
  });

  await upload(page, ...Array.from({ length: 150 }, (_, place) => tinyPicture(place)));

  // What storage never tells the pipeline stays under way: at 100 the API says when to come back.
  await expect.poll(() => told, soon).toContain(429);
  await expect.poll(() => storage.stored, soon).toBe(100);
  await person.delete(await person.items());
  await page.getByRole("heading", { name: "Added" }).waitFor();
  expect(storage.stored).toBe(150);
  expect(complaints()).toEqual([]);
});

const isForm = (request: Request): boolean =>
  request.method() === "POST" && (request.headers()["content-type"]?.startsWith("multipart/") ?? false);

/** Storage as a stage: it takes what it is sent, while it is open, and tells nobody. */
async function stageStorage(page: Page) {
  const storage = { asked: 0, stored: 0, isOpen: true };
  // Only what the page waited for is answered: of what it took back, nothing is heard.
  page.on("response", (response) => {
    if (response.status() === 204 && isForm(response.request())) storage.stored += 1;
  });
  await page.route(
    (url) => url.host !== new URL(setting.url).host,
    async (route: Route) => {
      if (!isForm(route.request())) return route.fallback();
      storage.asked += 1;
      while (!storage.isOpen) await new Promise((resolve) => setTimeout(resolve, 50));
      await route.fulfill({ status: 204, headers: { "Access-Control-Allow-Origin": "*" } });
    },
  );
  return storage;
}

async function expectReady(page: Page, count: number): Promise<void> {
  const ready = page.locator(
    "[data-card]:not([aria-label*=', Uploading'], [aria-label*=', Preparing'], [aria-label*=', Reading'], [aria-label*=', Indexing'], [aria-label*=', Failed'])",
  );
  await expect.poll(() => ready.count(), soon).toBe(count);
}
