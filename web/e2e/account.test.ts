import { expect, it } from "vitest";
import { complaints, expectCards, newPage, signedIn, signIn, soon, useBrowser } from "./browser";
import { Person } from "./people";

useBrowser();

it("shows what is used, of how much, and who reads the pictures", async () => {
  const page = await signedIn(await Person.with("receipt-bakery.jpg"));
  await page.getByRole("link", { name: "Account" }).click();

  await page.getByText("1 of 20,000").first().waitFor();
  await page
    .getByText(/^local · /)
    .first()
    .waitFor();
  const found = page.locator("dt", { hasText: "Found by meaning" }).locator("xpath=following-sibling::dd[1]");
  await expect.poll(() => found.textContent(), soon).toBe("1 of 1");
  expect(complaints()).toEqual([]);
});

it("signs out, and lets nobody see what was there", async () => {
  const person = await Person.with("receipt-bakery.jpg");
  const page = await signedIn(person);
  await expectCards(page, 1);
  await page.getByRole("link", { name: "Account" }).click();

  await page.getByRole("button", { name: "Sign out" }).click();

  await page.getByRole("button", { name: "Sign in" }).waitFor();
  await page.reload();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  expect(await page.evaluate(() => JSON.stringify({ ...sessionStorage }))).not.toContain("refresh_token");
  await signIn(page, await Person.arrives());
  await page.getByText("Nothing here yet").waitFor();
});

it("shows an export again after a reload, and to nobody else", async () => {
  const page = await signedIn(await Person.with("receipt-bakery.jpg"));
  await page.getByRole("link", { name: "Account" }).click();
  let isHeld = true;
  await page.route("**/api/jobs/*", (route) =>
    isHeld ? route.fulfill({ json: { status: "running", progress: 0.4, result: null } }) : route.fallback(),
  );
  await page.getByRole("button", { name: "Prepare the export" }).click();
  const running = page.getByRole("progressbar", { name: "Preparing…" });
  await running.waitFor();

  await page.reload();
  await running.waitFor();
  isHeld = false;
  await page.getByRole("link", { name: "Download" }).waitFor();
  await page.reload();

  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download" }).click();
  expect((await download).suggestedFilename()).toMatch(/^collections-.*\.zip$/);
  await page.getByRole("button", { name: "Prepare a new one" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  await signIn(page, await Person.arrives());
  await page.getByRole("link", { name: "Account" }).click();
  await page.getByRole("button", { name: "Prepare the export" }).waitFor();
  expect(complaints()).toEqual([]);
});

it("renews its token when that has expired, and when the server says so", async () => {
  const page = await signedIn(await Person.with("receipt-bakery.jpg"));
  await expectCards(page, 1);
  let renewals = 0;
  page.on("response", (response) => {
    if (response.url().endsWith("/oauth2/token") && response.ok()) renewals += 1;
  });

  await page.evaluate(() => {
    const now = Date.now.bind(Date);
    Date.now = () => now() + 3_600_000;
  });
  await page.getByRole("link", { name: "Account" }).click();
  await page.getByText("1 of 20,000").first().waitFor();
  expect(renewals).toBe(1);

  let refused = "";
  await page.route("**/api/items*", async (route) => {
    const token = route.request().headers()["authorization"] ?? "";
    refused ||= token;
    return token === refused ? route.fulfill({ status: 401, json: { detail: "expired" } }) : route.fallback();
  });
  await page.getByRole("link", { name: "Collection", exact: true }).click();
  await page.getByRole("button", { name: /^receipt/ }).click();
  await expectCards(page, 1);
  await expect.poll(() => renewals, soon).toBeGreaterThan(1);
});

it("deletes everything once that was typed, and nothing before", async () => {
  const person = await Person.with("receipt-bakery.jpg");
  const page = await newPage();
  await signIn(page, person);
  await page.getByRole("link", { name: "Account" }).click();
  await page.getByRole("button", { name: "Delete everything" }).click();
  const dialog = page.getByRole("dialog");
  const confirm = dialog.getByRole("button", { name: "Delete everything" });
  expect(await confirm.isDisabled()).toBe(true);
  await dialog.getByRole("textbox").fill("delete");
  expect(await confirm.isDisabled()).toBe(true);

  await dialog.getByRole("textbox").fill("delete everything");
  await confirm.click();

  await page.getByText("Everything is deleted. Good-bye.").waitFor();
  await dialog.getByRole("button", { name: "Done" }).click();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  expect(await person.canSignIn()).toBe(false);
});
