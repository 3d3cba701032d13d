import { beforeAll, expect, it } from "vitest";
import { cards, complaints, expectCards, signedIn, soon, useBrowser } from "./browser";
import { Person } from "./people";
import { setting } from "./setting";

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

it("is selected from by touch", async () => {
  const page = await signedIn(ada, { phone: true });
  await expectCards(page, 3);

  await page.getByRole("button", { name: "Select", exact: true }).tap();
  await cards(page).nth(0).tap();
  await cards(page).nth(2).tap();

  await page.getByRole("toolbar", { name: "2 selected" }).waitFor();
  const buttons = await page.getByRole("toolbar").getByRole("button").all();
  const middles = await Promise.all(buttons.map(async (button) => middleOf(await button.boundingBox())));
  expect(new Set(middles).size, "rows").toBe(1);
  await page.getByRole("toolbar").getByRole("button", { name: "Close" }).tap();
  await page.getByRole("toolbar").waitFor({ state: "detached" });
  await cards(page).nth(0).tap();
  await page.getByRole("article").waitFor();
});

const middleOf = (box: { y: number; height: number } | null) => Math.round((box?.y ?? NaN) + (box?.height ?? NaN) / 2);

it("is used by keys alone", async () => {
  const page = await signedIn(ada);
  await expectCards(page, 3);

  await page.locator("[data-card='0']").focus();
  await page.keyboard.press("ArrowRight");
  await expect.poll(() => page.evaluate(() => (document.activeElement as HTMLElement).dataset["card"]), soon).toBe("1");
  await page.keyboard.press("x");
  await page.getByRole("toolbar", { name: "1 selected" }).waitFor();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("x");
  await page.getByRole("toolbar", { name: "2 selected" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("toolbar").waitFor({ state: "detached" });
  await page.keyboard.press("/");
  await page.keyboard.type("train");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Results for “train”" }).waitFor();
  const opened = page.locator("ol li a").first();
  await opened.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("article").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { name: "Results for “train”" }).waitFor();
  await expect.poll(() => opened.evaluate((node) => node === document.activeElement), soon).toBe(true);
  await page.keyboard.press("g");
  await page.locator("[data-card='1']").focus();
  await page.keyboard.press("Enter");
  await page.getByRole("article").waitFor();
  await page.keyboard.press("ArrowRight");
  await expect.poll(() => page.title(), soon).not.toBe("Collections");
  await page.keyboard.press("Escape");
  await expect.poll(() => page.evaluate(() => (document.activeElement as HTMLElement).dataset["card"]), soon).toBe("2");
});

it("is narrowed by any tag, also one that is not among the most frequent", async () => {
  const page = await signedIn(ada);
  await expectCards(page, 3);
  await cards(page).first().click();
  await page.getByLabel("Add a tag").fill("Nordic summer trip");
  const saved = page.waitForResponse((response) => response.request().method() === "PATCH" && response.ok());
  await page.keyboard.press("Enter");
  await saved;
  await page.goto(setting.url);
  await page.getByRole("button", { name: "Filters" }).click();
  // As for somebody who has hundreds that are more frequent.
  const none = { categories: [], tags: [], statuses: [] };
  await page.route("**/api/items/facets*", (route) => route.fulfill({ json: none }));
  await page.reload();
  await page.getByRole("button", { name: "Filters" }).click();

  await page.getByLabel("Another tag").fill("summer tr");
  await page.locator("option", { hasText: "Nordic summer trip" }).waitFor({ state: "attached" });
  await page.getByLabel("Another tag").fill("nordic summer trip");
  await page.keyboard.press("Enter");

  await expectCards(page, 1);
  expect(new URL(page.url()).searchParams.get("tag")).toBe("Nordic summer trip");
  await page.getByRole("button", { name: "Nordic summer trip", pressed: true }).waitFor();
});

it("moves nothing when the size of a picture becomes known", async () => {
  const page = await signedIn(ada);
  await expectCards(page, 3);
  await page.addInitScript(() => {
    const here = globalThis as unknown as Watched;
    Object.assign(here, { isKnown: false, shifts: [] });
    const note = (list: PerformanceObserverEntryList) =>
      here.shifts.push(...list.getEntries().map((entry) => JSON.stringify(entry)));
    new PerformanceObserver(note).observe({ type: "layout-shift", buffered: true });
    const { fetch } = globalThis;
    // As a server that has not looked at the pictures yet.
    globalThis.fetch = async (...asked) => {
      const response = await fetch(...asked);
      if (here.isKnown || !response.url.includes("/api/items?")) return response;
      const found = (await response.json()) as { items: object[] };
      for (const item of found.items) Object.assign(item, { width: null, height: null, status: "analyzing" });
      return Response.json(found);
    };
  });
  await page.reload();
  await page.locator("[data-card][aria-label*='Reading']").nth(2).waitFor();

  await page.evaluate(() => ((globalThis as unknown as Watched).isKnown = true));

  // The list is asked for again as long as something is being read.
  await page.locator("[data-card][aria-label*='Reading']").first().waitFor({ state: "detached" });
  await expectCards(page, 3);
  expect(await page.evaluate(() => (globalThis as unknown as Watched).shifts)).toEqual([]);
});

interface Watched {
  isKnown: boolean;
  shifts: string[];
}

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
