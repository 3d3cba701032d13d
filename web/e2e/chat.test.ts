import { expect, it } from "vitest";
import { complaints, expectCards, signedIn, useBrowser } from "./browser";

useBrowser();

it("answers from one's own pictures, with the pictures, and knows it after a reload", async () => {
  const page = await signedIn(0);
  await expectCards(page, 3);
  await page.getByRole("link", { name: "Ask", exact: true }).click();
  await page.getByRole("textbox", { name: "Ask your collection" }).fill("When does my train to København leave?");
  await page.keyboard.press("Enter");

  const citation = page.getByRole("region", { name: "From your pictures" }).getByRole("link").first();
  await citation.waitFor({ timeout: 60_000 });
  await expect.poll(() => page.locator("ol[aria-live]").textContent()).toContain("07:53");
  await expect.poll(() => page.url()).toContain("session=");
  await page.reload();
  await page.getByText("When does my train to København leave?").first().waitFor();
  await citation.click();
  await page.getByRole("article").waitFor();
  expect(complaints()).toEqual([]);
});

it("lists, renames and deletes conversations", async () => {
  const page = await signedIn(0);
  await page.getByRole("link", { name: "Ask", exact: true }).click();
  await page.getByRole("button", { name: /^Rename/ }).click();
  await page.getByRole("textbox", { name: "Rename" }).fill("Trip north");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Trip north").waitFor();

  await page.getByRole("button", { name: "Delete the conversation: Trip north" }).click();

  await page.getByText("Trip north").waitFor({ state: "detached" });
});
