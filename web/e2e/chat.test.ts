import type { Page } from "playwright-core";
import { beforeAll, expect, it } from "vitest";
import { cards, complaints, expectCards, newPage, signedIn, signIn, soon, useBrowser } from "./browser";
import { Person } from "./people";

useBrowser();
let person: Person;
beforeAll(async () => {
  person = await Person.with("ticket-nordlinie.jpg", "receipt-bakery.jpg");
});

const TRAIN = "When does my train to København leave?";
const answers = (page: Page) => page.locator("ol[aria-live] > li:nth-child(even)");

async function ask(page: Page, question: string) {
  await page.getByRole("textbox", { name: "Ask your collection" }).fill(question);
  await page.keyboard.press("Enter");
}

async function asking(question: string): Promise<Page> {
  const page = await signedIn(person);
  await page.getByRole("link", { name: "Ask", exact: true }).click();
  await ask(page, question);
  return page;
}

it("answers from one's own pictures, with the pictures, and knows it after a reload", async () => {
  const page = await asking(TRAIN);

  const citation = page.getByRole("region", { name: "From your pictures" }).getByRole("link").first();
  await citation.waitFor();
  await expect.poll(() => answers(page).first().textContent(), soon).toContain("07:53");
  await expect.poll(() => page.url(), soon).toContain("session=");
  await page.reload();
  await page.getByText(TRAIN).first().waitFor();
  await citation.click();
  await page.getByRole("article").waitFor();
  expect(complaints()).toEqual([]);
});

it("lists, renames and deletes conversations", async () => {
  const page = await asking(TRAIN);
  await expect.poll(() => page.url(), soon).toContain("session=");
  const own = page.locator("aside li", { has: page.locator("[aria-current=page]") });
  await own.getByRole("button", { name: /^Rename/ }).click();
  await page.getByRole("textbox", { name: "Rename" }).fill("Trip north");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Trip north").waitFor();

  await page.getByRole("button", { name: "Delete the conversation: Trip north" }).click();

  await page.getByText("Trip north").waitFor({ state: "detached" });
  await page.getByText("Ask in your own words").or(page.getByText("Answers come from")).first().waitFor();
});

it("answers again in the same place", async () => {
  const page = await asking(TRAIN);
  await expect.poll(() => answers(page).first().textContent(), soon).toContain("07:53");

  await page.getByRole("button", { name: "Answer again" }).click();
  await page.getByRole("button", { name: "Answer again" }).waitFor();
  await expect.poll(() => answers(page).first().textContent(), soon).toContain("07:53");
  expect(await answers(page).count()).toBe(1);

  await page.reload();
  await page.getByText(TRAIN).first().waitFor();
  await page.getByRole("button", { name: "Answer again" }).waitFor();
  expect(await answers(page).count()).toBe(1);
});

it("stops, keeps what there is, and answers the next question", async () => {
  const page = await newPage();
  const gate = await gateOf(page);
  await page.reload();
  await signIn(page, person);
  await page.getByRole("link", { name: "Ask", exact: true }).click();
  await ask(page, TRAIN);
  await expect.poll(() => gate.held, soon).toBeGreaterThan(0);

  await page.getByRole("button", { name: "Stop" }).click();

  await page.getByText("Stopped. This part is not remembered.").waitFor();
  await expect.poll(() => gate.stops, soon).toBe(1);
  const kept = await answers(page).first().textContent();
  gate.open();
  await ask(page, "What did the bread cost?");
  await page.getByRole("region", { name: "From your pictures" }).getByRole("link").first().waitFor();
  expect(await answers(page).first().textContent()).toBe(kept);
  expect(await answers(page).count()).toBe(2);
});

it("is asked about a selection", async () => {
  const page = await signedIn(person);
  await expectCards(page, 2);
  await cards(page).first().focus();
  await page.keyboard.press("x");
  await page.getByRole("button", { name: "Ask about these" }).click();
  await expect.poll(() => page.url(), soon).toContain("about=");

  await ask(page, "What is it?");

  await page.getByRole("button", { name: "Answer again" }).waitFor();
  expect(await answers(page).count()).toBe(1);
});

/** Lets one piece of an answer through, and holds what comes after it until it is opened. */
async function gateOf(page: Page) {
  const waiting: (() => void)[] = [];
  let isOpen = false;
  const gate = {
    held: 0,
    stops: 0,
    open: () => {
      isOpen = true;
      for (const deliver of waiting.splice(0)) deliver();
    },
  };
  await page.routeWebSocket(/.*/, (socket) => {
    const server = socket.connectToServer();
    let pieces = 0;
    socket.onMessage((message) => {
      if (String(message).includes('"stop"')) gate.stops += 1;
      server.send(message);
    });
    server.onMessage((message) => {
      const isChat = String(message).includes('"chat.') || String(message).includes('"error"');
      if (isOpen || !isChat || ++pieces === 1) return socket.send(message);
      gate.held += 1;
      waiting.push(() => socket.send(message));
    });
  });
  return gate;
}
