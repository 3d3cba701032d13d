import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { complaints, expectCards, newPage, signedIn, signIn, upload, useBrowser } from "./browser";
import { Person } from "./people";
import { tinyPicture } from "./pictures";
import { sample, setting } from "./setting";

useBrowser();

type Files = Parameters<typeof upload>[1][];

it("adds what another app shares, several at once, whatever they are called", async () => {
  const person = await Person.arrives();
  const page = await signedIn(person);

  await share(page, sample("receipt-bakery.jpg"));

  await expectCards(page, 1);
  await share(page, { ...tinyPicture(1), name: "50% off & more?.png" }, { ...tinyPicture(2), name: "größe.png" });
  // In the tray, and by then perhaps among the pictures.
  for (const name of ["50% off & more?.png", "größe.png"])
    await page.getByRole("listitem").getByText(name).first().waitFor({ state: "attached" });
  await expectCards(page, 3);
  await person.until("what was shared arrived", (items) => items.every(({ status }) => status === "ready"));
  await page.reload();
  await expectCards(page, 3);
  expect(await person.items()).toHaveLength(3);
  expect(complaints()).toEqual([]);
});

it("says what it does not take of what is shared, and stays as it is where no file comes", async () => {
  const person = await Person.arrives();
  const page = await signedIn(person);

  await share(page, { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") }, tinyPicture(3));

  await page.getByText("Not a picture Collections can read.").waitFor();
  await expectCards(page, 1);
  await share(page);
  await expectCards(page, 1);
  expect(await page.getByRole("region", { name: "Add pictures" }).count()).toBe(0);
  expect(complaints()).toEqual([]);
});

it("keeps what is shared until somebody signed in, and says so", async () => {
  const person = await Person.arrives();
  const page = await newPage();

  await share(page, tinyPicture(4), tinyPicture(5));

  await page.getByText("2 shared pictures wait: sign in to add them.").waitFor();
  await signIn(page, person);
  await expectCards(page, 2);
  await person.until("both arrived", (items) => items.length === 2);
  expect(complaints()).toEqual([]);
});

/** As a phone does it for the share target of the manifest: a form sent from outside, once the service worker is there. */
async function share(page: Page, ...files: Files): Promise<void> {
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
  });
  const manifest = await page.evaluate(async () => (await fetch("/manifest.webmanifest")).json());
  const { action, method, enctype, params } = manifest.share_target;
  await page.goto("about:blank");
  await page.setContent(`
    <form action="${new URL(action, setting.url).href}" method="${method}" enctype="${enctype}">
      <input name="title" value="A thought"><input name="text" value="shared with a picture, or without">
      <input type="file" name="${params.files[0].name}" multiple ${files.length === 0 ? "disabled" : ""}>
      <button>Share</button>
    </form>`);
  if (files.length > 0) await upload(page, ...files);
  await page.getByRole("button", { name: "Share" }).click();
  await page.waitForURL(new URL("/", setting.url).href);
}
