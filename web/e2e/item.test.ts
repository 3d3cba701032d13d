import { expect, it } from "vitest";
import { cards, complaints, expectCards, signedIn, useBrowser } from "./browser";

useBrowser();

it("keeps one's own title, tags and notes, and finds them at once", async () => {
  const page = await signedIn(0);
  await expectCards(page, 3);
  await page
    .getByRole("link", { name: /receipt/ })
    .first()
    .click();
  await page.getByRole("button", { name: "Edit the title" }).click();
  await page.getByLabel("Title").fill("Zanzibar breakfast");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "Zanzibar breakfast" }).waitFor();
  await page.getByText("yours").first().waitFor();
  await page.getByLabel("Add a tag").fill("holiday");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Remove the tag holiday" }).waitFor();
  await page.getByLabel("Notes").fill("paid by Mira");
  await page.getByLabel("Notes").blur();

  await page.locator("#q").fill("zanzibar");
  await page.keyboard.press("Enter");

  await page.locator("mark", { hasText: "Zanzibar" }).first().waitFor();
  await page.reload();
  await page.locator("ol li a").first().click();
  expect(await page.getByLabel("Notes").inputValue()).toBe("paid by Mira");
  expect(complaints()).toEqual([]);
});

it("takes a deletion back", async () => {
  const page = await signedIn(0);
  await expectCards(page, 3);
  await cards(page).first().focus();

  await page.keyboard.press("Delete");
  await expectCards(page, 2);
  await page.getByRole("button", { name: "Undo" }).click();

  await expectCards(page, 3);
  await page.reload();
  await expectCards(page, 3);
});
