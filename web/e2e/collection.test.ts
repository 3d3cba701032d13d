import { expect, it } from "vitest";
import { complaints, expectCards, sample, settled, signedIn, upload, useBrowser } from "./browser";

useBrowser();

it("takes pictures in, shows them move, and names a duplicate before it is sent", async () => {
  const page = await signedIn(0);
  await page.getByText("Nothing here yet").waitFor();

  await upload(page, sample("receipt-bakery.jpg"), sample("ticket-nordlinie.jpg"), sample("recipe-soup.jpg"));

  await expectCards(page, 3);
  await settled(page);
  await page.getByRole("button", { name: "Clear finished" }).click();
  await upload(page, sample("ticket-nordlinie.jpg"));
  await page.getByText("Already in your collection").waitFor();
  await page.getByRole("link", { name: "Show it" }).click();
  await page.getByRole("article").waitFor();
  expect(complaints()).toEqual([]);
});

it("says why a picture failed, and tries it again", async () => {
  const page = await signedIn(0);

  await upload(page, { name: "broken.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no picture at all") });

  const failed = page.locator("[data-card][aria-label*='Failed']");
  await failed.waitFor({ timeout: 60_000 });
  await failed.click();
  const alert = page.getByRole("alert");
  await alert.waitFor();
  expect(await alert.textContent()).toMatch(/could not be read/);
  await alert.getByRole("button", { name: "Try again" }).click();
  await page.getByText("It is being read again.").waitFor();
  await page.getByRole("button", { name: "Delete" }).first().click();
  await page.getByText("Deleted.").waitFor();
  await page.waitForTimeout(7000);
});

it("keeps filters in the address", async () => {
  const page = await signedIn(0);
  await expectCards(page, 3);

  await page.getByRole("button", { name: /^receipt/ }).click();

  await expectCards(page, 1);
  expect(page.url()).toContain("category=receipt");
  await page.reload();
  await expectCards(page, 1);
  await page.getByRole("button", { name: "Clear filters" }).click();
  await expectCards(page, 3);
});

it("shows nothing of it to somebody else", async () => {
  const page = await signedIn(1);

  await page.getByText("Nothing here yet").waitFor();
  expect(await page.locator("[data-card]").count()).toBe(0);
});

it("goes on with uploads after a reload and when the network comes back", async () => {
  const page = await signedIn(1);
  await page.context().setOffline(true);
  await upload(page, sample("riverside.webp"), sample("scarf.webp"));
  await page.getByText("You are offline.").waitFor();
  await page.context().setOffline(false);
  await page.reload();

  await expectCards(page, 2);
  await settled(page);
});

it("is used by keys alone", async () => {
  const page = await signedIn(0);
  await expectCards(page, 3);

  await page.locator("[data-card='0']").focus();
  await page.keyboard.press("ArrowRight");
  await expect.poll(() => page.evaluate(() => (document.activeElement as HTMLElement).dataset["card"])).toBe("1");
  await page.keyboard.press("x");
  await page.getByRole("toolbar", { name: "1 selected" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("toolbar").waitFor({ state: "detached" });
  await page.keyboard.press("/");
  await page.keyboard.type("train");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Results for “train”" }).waitFor();
  await page.locator("ol li a").first().focus();
  await page.keyboard.press("Enter");
  await page.getByRole("article").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { name: "Results for “train”" }).waitFor();
});
