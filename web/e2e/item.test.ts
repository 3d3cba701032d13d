import type { Locator } from "playwright-core";
import { expect, it } from "vitest";
import { cards, complaints, expectCards, signedIn, soon, useBrowser } from "./browser";
import { Person } from "./people";

useBrowser();

it("keeps one's own title, tags and notes, and finds them at once", async () => {
  const page = await signedIn(await Person.with("receipt-bakery.jpg"));
  await cards(page).first().click();
  await page.getByRole("button", { name: "Edit the title" }).click();
  await page.getByLabel("Title").fill("Zanzibar breakfast");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "Zanzibar breakfast" }).waitFor();
  await page.getByText("yours").first().waitFor();
  await page.getByLabel("Add a tag").fill("holiday");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Remove the tag holiday" }).waitFor();
  await page.getByLabel("Notes").fill("paid by Mira");
  const saved = page.waitForResponse((response) => response.request().method() === "PATCH" && response.ok());
  await page.getByLabel("Notes").blur();
  await saved;

  await page.locator("#q").fill("zanzibar");
  await page.keyboard.press("Enter");

  await page.locator("mark", { hasText: "Zanzibar" }).first().waitFor();
  await page.reload();
  await page.locator("ol li a").first().click();
  await expect.poll(() => page.getByLabel("Notes").inputValue(), soon).toBe("paid by Mira");
  expect(complaints()).toEqual([]);
});

it("takes a deletion back, whatever is fetched meanwhile", async () => {
  const person = await Person.with("receipt-bakery.jpg", "riverside.webp");
  const page = await signedIn(person);
  await expectCards(page, 2);
  await cards(page).first().focus();

  await page.keyboard.press("Delete");
  await expectCards(page, 1);
  const undo = page.getByRole("button", { name: "Undo" });
  await undo.hover();
  const fetched = page.waitForResponse((response) => response.url().includes("/api/items?"));
  await page.getByRole("button", { name: /^Favourites/ }).press("Enter");
  await fetched;
  await page.getByText("No picture has all of this").waitFor();
  await page.getByRole("button", { name: "Clear filters" }).first().press("Enter");
  await expectCards(page, 1);
  await undo.click();

  await expectCards(page, 2);
  await page.reload();
  await expectCards(page, 2);
  expect(await person.items()).toHaveLength(2);
});

it("deletes when nobody takes it back, and at once when the page is left", async () => {
  const person = await Person.with("receipt-bakery.jpg", "riverside.webp");
  const page = await signedIn(person);
  await expectCards(page, 2);
  await cards(page).first().focus();
  await page.keyboard.press("Delete");
  await person.until("one is deleted", (items) => items.length === 1);
  await expectCards(page, 1);

  await cards(page).first().click();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText("Nothing here yet").waitFor();
  await page.goto("about:blank");

  await person.until("the other is deleted", (items) => items.length === 0);
});

it("is zoomed and moved without dragging: by keys, and by a click on a place", async () => {
  const page = await signedIn(await Person.with("receipt-bakery.jpg", "riverside.webp"));
  await expectCards(page, 2);
  await cards(page).first().click();
  const picture = page.locator("article figure img");
  const frame = page.locator("article figure");
  await expect.poll(() => widthOf(picture), soon).toBeGreaterThan(0);
  const address = page.url();
  const whole = await boxOf(picture);

  for (let times = 0; times < 3; times++) await page.getByRole("button", { name: "Zoom in" }).press("Enter");
  await expect.poll(async () => (await boxOf(picture)).width / whole.width, soon).toBeCloseTo(1.5 ** 3, 2);
  await page.getByText("Move it by a click on a place").waitFor();
  const zoomed = await boxOf(picture);
  await page.keyboard.press("ArrowDown");
  await expect.poll(async () => (await boxOf(picture)).y, soon).toBeLessThan(zoomed.y);
  await page.keyboard.press("ArrowUp");
  await expect.poll(async () => (await boxOf(picture)).y, soon).toBeCloseTo(zoomed.y, 0);
  await page.keyboard.press("ArrowRight");
  expect(page.url()).toBe(address);

  const before = await boxOf(picture);
  const { width, height } = await boxOf(frame);
  await frame.click({ position: { x: width / 2, y: height / 2 + 60 } });
  await expect.poll(async () => (await boxOf(picture)).y, soon).toBeCloseTo(before.y - 60, -1);
  for (let times = 0; times < 40; times++) await page.keyboard.press("ArrowDown");
  await expect.poll(async () => bottomOf(await boxOf(picture)) - bottomOf(await boxOf(frame)), soon).toBeCloseTo(0, -1);

  for (let times = 0; times < 3; times++) await page.getByRole("button", { name: "Zoom out" }).press("Enter");
  await expect.poll(() => boxOf(picture), soon).toEqual(whole);
  await page.keyboard.press("ArrowRight");
  await expect.poll(() => page.url(), soon).not.toBe(address);
  expect(complaints()).toEqual([]);
});

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

const boxOf = async (element: Locator): Promise<Box> =>
  (await element.boundingBox()) ?? { x: NaN, y: NaN, width: NaN, height: NaN };
const bottomOf = ({ y, height }: Box): number => y + height;
const widthOf = (image: Locator) => image.evaluate((node: HTMLImageElement) => node.naturalWidth);

it("keeps what it was read as before", async () => {
  const page = await signedIn(await Person.with("receipt-bakery.jpg"));
  await cards(page).first().click();
  await page.getByText("What is in it").waitFor();

  await page.getByRole("button", { name: "Read again" }).click();

  const versions = page.getByText("Versions", { exact: true });
  await versions.click();
  await page.getByText(/^Version 2 /).waitFor();
  await page.getByText(/^Version 1 /).waitFor();
});
