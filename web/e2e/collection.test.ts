import { beforeAll, expect, it } from "vitest";
import { cards, complaints, expectCards, signedIn, soon, useBrowser } from "./browser";
import { Person } from "./people";

useBrowser();
let ada: Person;
beforeAll(async () => {
  ada = await Person.with("receipt-bakery.jpg", "ticket-nordlinie.jpg", "recipe-soup.jpg");
});

it("keeps filters in the address", async () => {
  const page = await signedIn(ada);
  await expectCards(page, 3);

  await page.getByRole("button", { name: /^receipt/ }).click();

  await expectCards(page, 1);
  expect(page.url()).toContain("category=receipt");
  await page.reload();
  await expectCards(page, 1);
  await page.getByRole("button", { name: "Clear filters" }).click();
  await expectCards(page, 3);
  expect(complaints()).toEqual([]);
});

it("shows nothing of it to somebody else", async () => {
  const page = await signedIn(await Person.arrives());
  const hers = (await ada.items())[0];

  await page.getByText("Nothing here yet").waitFor();
  expect(await cards(page).count()).toBe(0);
  await page.goto(`${new URL(page.url()).origin}/items/${hers?.id}`);
  await page.getByText("This picture is not there any more.").waitFor();
});

it("is used by keys alone", async () => {
  const page = await signedIn(ada);
  await expectCards(page, 3);

  await page.locator("[data-card='0']").focus();
  await page.keyboard.press("ArrowRight");
  await expect.poll(() => page.evaluate(() => (document.activeElement as HTMLElement).dataset["card"]), soon).toBe("1");
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

it("does one thing to several pictures, and offers the tags that are in use", async () => {
  const grace = await Person.with("receipt-bakery.jpg", "receipt-groceries.jpg", "riverside.webp");
  const page = await signedIn(grace);
  await expectCards(page, 3);
  await select(page, 0, 1);
  await page.getByRole("button", { name: "Add tags" }).click();
  await page.getByLabel("Tags", { exact: true }).fill("Household, budget");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Done for 2 pictures.").waitFor();
  await page.getByRole("toolbar").waitFor({ state: "detached" });

  await select(page, 2);
  await page.getByRole("button", { name: "Add tags" }).click();
  await page.getByLabel("Tags", { exact: true }).fill("hold");
  await page
    .getByRole("group", { name: "Tags in use" })
    .getByRole("button", { name: /^household$/i })
    .click();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Done for 1 picture.").waitFor();
  await page.getByRole("toolbar").waitFor({ state: "detached" });

  await page.getByRole("button", { name: "Filters" }).click();
  await page
    .getByRole("group", { name: "Tags" })
    .getByRole("button", { name: /^household 3/i })
    .click();
  await expectCards(page, 3);
  await page.getByRole("button", { name: /^Favourites/ }).waitFor();
  await select(page, 0);
  await page.getByRole("toolbar").getByRole("button", { name: "Favourite" }).click();
  await page.getByRole("toolbar").waitFor({ state: "detached" });
  await page.getByRole("button", { name: /^Favourites/ }).click();
  await expectCards(page, 1);
});

async function select(page: Awaited<ReturnType<typeof signedIn>>, ...places: number[]) {
  for (const place of places) {
    await cards(page).nth(place).focus();
    await page.keyboard.press("x");
  }
  await page.getByRole("toolbar", { name: `${places.length} selected` }).waitFor();
}
