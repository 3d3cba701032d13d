import { expect, it } from "vitest";
import { accessibilityProblems, cards, complaints, newPage, screen, useBrowser, type View } from "./browser";
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
