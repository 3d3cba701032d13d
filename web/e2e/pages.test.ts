import { expect, it } from "vitest";
import { accessibilityProblems, cards, complaints, newPage, screen, signedIn, useBrowser, type View } from "./browser";
import { Person } from "./people";
import type { Page } from "playwright-core";

useBrowser();

it("has no barrier on any page, light, dark or on a phone, and leaves pictures of them", async () => {
  const welcome = await newPage();
  await check(welcome, "welcome");

  for (const [name, view] of Object.entries(VIEWS)) {
    const page = await newPage(view);
    await page.getByRole("button", { name: "Open the demo collection" }).click();
    await visit(page, name);
  }
  expect(complaints()).toEqual([]);
});

it.each([{ phone: true }, { dark: true }])("says that one is offline, and moves nothing for it (%o)", async (view) => {
  const page = await signedIn(await Person.with("receipt-bakery.jpg"), view);
  await cards(page).first().waitFor();
  const heading = page.getByRole("heading", { name: "Your collection" });
  const before = [await heading.boundingBox(), await cards(page).first().boundingBox()];

  await page.context().setOffline(true);

  const said = page.getByRole("status").getByText("You are offline.");
  await said.waitFor();
  expect([await heading.boundingBox(), await cards(page).first().boundingBox()]).toEqual(before);
  // In the margin: what is read is not covered.
  const [banner, box] = [await said.boundingBox(), before[0]];
  expect((banner?.y ?? NaN) + (banner?.height ?? NaN)).toBeLessThanOrEqual(box?.y ?? NaN);
  expect(await accessibilityProblems(page)).toEqual([]);
  await page.context().setOffline(false);
  await said.waitFor({ state: "detached" });
  expect(complaints()).toEqual([]);
});

const VIEWS: Record<string, View> = { light: {}, dark: { dark: true }, phone: { phone: true } };

async function visit(page: Page, name: string) {
  await cards(page).first().waitFor();
  await check(page, `collection-${name}`);
  await page.locator("#q").fill("how much did I pay for bread");
  await page.keyboard.press("Enter");
  await page.locator("ol li a").first().waitFor();
  await check(page, `search-${name}`);
  await page.locator("ol li a").first().click();
  await page.getByRole("article").waitFor();
  await page.locator("article img").first().waitFor();
  await check(page, `item-${name}`);
  await page.getByRole("link", { name: "Ask", exact: true }).click();
  await page.getByRole("heading", { name: "Ask your collection" }).waitFor();
  await page.getByRole("textbox", { name: "Ask your collection" }).fill("When does my train to København leave?");
  await page.keyboard.press("Enter");
  await page.getByRole("region", { name: "From your pictures" }).locator("img").first().waitFor();
  await page.getByRole("button", { name: "Answer again" }).waitFor();
  await check(page, `chat-${name}`);
  await page.getByRole("link", { name: "Account" }).click();
  await page.getByText("Found by meaning").waitFor();
  await page.getByText("Charged by providers").waitFor();
  await check(page, `account-${name}`);
}

async function check(page: Page, name: string) {
  expect(await accessibilityProblems(page), name).toEqual([]);
  await screen(page, name);
}
