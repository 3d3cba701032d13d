import { beforeAll, expect, it } from "vitest";
import { complaints, signedIn, soon, useBrowser } from "./browser";
import { Person } from "./people";

useBrowser();
let person: Person;
beforeAll(async () => {
  person = await Person.with("receipt-bakery.jpg", "ticket-nordlinie.jpg", "recipe-soup.jpg");
});

it("marks why it matched and shows scores on demand", async () => {
  const page = await signedIn(person);
  await page.locator("#q").fill("red lentil soup");
  await page.keyboard.press("Enter");

  await page.locator("mark").first().waitFor();
  await page.getByLabel("Scores").check();
  expect(await page.locator("ol li").first().textContent()).toMatch(/bm25 \d/);
  expect(new URL(page.url()).searchParams.get("q")).toBe("red lentil soup");
  expect(complaints()).toEqual([]);
});

it.each([360, 390])("says how many on one line, beside how it was searched (%o wide)", async (width) => {
  const page = await signedIn(person, { width, height: 844 });
  await page.locator("#q").fill("red lentil soup");
  await page.keyboard.press("Enter");

  await page.getByRole("heading", { name: /Results for/ }).waitFor();
  const count = page.getByText(/^\d pictures?/);
  await count.waitFor();
  const [told, chosen] = [await count.boundingBox(), await page.getByLabel("Search by").boundingBox()];
  const lineHeight = await count.evaluate((element) => parseFloat(getComputedStyle(element).lineHeight));
  expect(told?.height).toBeLessThan(1.5 * lineHeight);
  const middle = (chosen?.y ?? NaN) + (chosen?.height ?? NaN) / 2;
  expect(Math.abs((told?.y ?? NaN) + (told?.height ?? NaN) / 2 - middle)).toBeLessThan(lineHeight / 2);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
});

it("says so when nothing answers, and offers a way on", async () => {
  const page = await signedIn(person);
  await page.locator("#q").fill("quantum chromodynamics lecture");
  await page.keyboard.press("Enter");

  await page.getByText("Nothing in your collection answers").waitFor();
  await page.getByRole("button", { name: "Search by words alone" }).click();
  await expect.poll(() => page.url(), soon).toContain("mode=bm25");
});

it("completes words from one's own pictures", async () => {
  const page = await signedIn(person);
  await page.locator("#q").pressSequentially("len");

  await page.getByRole("option").first().waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");

  await page.getByRole("heading", { name: /Results for/ }).waitFor();
});
