// What somebody who uses the front end waits for, in a real browser. `tests/benchmarks/web.py` says where and as whom,
// and reads the JSON that this prints.
import { chromium } from "playwright-core";

const { url, browser: executablePath, few, many } = JSON.parse(process.env.BENCH);
const LOADS = 7;
const TYPED = "sourdough bread from the bakery last summer";
const SCROLL_MS = 6000;

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const figures = { ...(await loads()), ...(await typing()), ...(await grid()) };
console.log(JSON.stringify(figures));
await browser.close();

/** Loads of a collection by somebody who is signed in, with nothing in any cache. */
async function loads() {
  const page = await signedIn(few);
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.setCacheDisabled", { cacheDisabled: true });
  await page.addInitScript(() => {
    window.seen = { paint: 0, shift: 0 };
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) window.seen.paint = entry.startTime;
    }).observe({ type: "largest-contentful-paint", buffered: true });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.seen.shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
  });
  const [paint, shift] = [[], []];
  for (let load = 0; load < LOADS; load++) {
    await page.reload();
    await page.locator("[data-card] img").first().waitFor();
    await page.waitForLoadState("networkidle");
    await page.waitForTimeout(500);
    const seen = await page.evaluate(() => window.seen);
    paint.push(seen.paint);
    shift.push(seen.shift);
  }
  await page.context().close();
  return { paint, shift };
}

/** Milliseconds from a key to the frame that shows what it did, in the search box. */
async function typing() {
  const page = await signedIn(few);
  await page.evaluate(() => {
    window.latencies = [];
    const later = new MessageChannel();
    const started = [];
    // A message that a frame's callback sends comes after that frame's paint.
    later.port1.onmessage = () => window.latencies.push(...started.splice(0).map((at) => performance.now() - at));
    addEventListener(
      "keydown",
      (event) => {
        started.push(event.timeStamp);
        requestAnimationFrame(() => later.port2.postMessage(null));
      },
      { capture: true },
    );
  });
  await page.locator("#q").focus();
  await page.keyboard.type(TYPED, { delay: 90 });
  await page.waitForTimeout(500);
  const latencies = await page.evaluate(() => window.latencies);
  await page.context().close();
  return { latencies };
}

/** A grid in which everything has been fetched: what it takes, and the frames while it scrolls. */
async function grid() {
  const page = await signedIn(many);
  const total = Number(
    (
      await page
        .getByText(/pictures$/)
        .first()
        .textContent()
    ).replace(/\D/g, ""),
  );
  const fetched = [];
  page.on("response", async (response) => {
    if (response.url().includes("cursor=")) fetched.push((await response.json()).items.length);
  });
  // The first page of a hundred came with the sign-in.
  while (fetched.reduce((sum, count) => sum + count, 100) < total) {
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await page.waitForTimeout(100);
  }
  await page.evaluate(() => scrollTo(0, 0));
  await page.waitForLoadState("networkidle");
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  const nodes = await page.evaluate(() => document.querySelectorAll("*").length);
  const frames = await page.evaluate(
    (duration) =>
      new Promise((resolve) => {
        const lengths = [];
        const begun = performance.now();
        let last = begun;
        const step = (now) => {
          lengths.push(now - last);
          last = now;
          scrollBy(0, 30);
          if (now - begun < duration) requestAnimationFrame(step);
          else resolve(lengths.slice(1));
        };
        requestAnimationFrame(step);
      }),
    SCROLL_MS,
  );
  await page.context().close();
  return { heap: usedSize, nodes, frames, total };
}

async function signedIn({ email, password }) {
  // Past the service worker, whose cache would answer.
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, serviceWorkers: "block" });
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  await page.goto(url);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.fill("input[type=email], input[name=username]", email);
  await page.fill("input[type=password]", password);
  await page.keyboard.press("Enter");
  await page.locator("[data-card] img").first().waitFor();
  return page;
}
