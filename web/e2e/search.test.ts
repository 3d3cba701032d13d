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
