// The collection: a grid, newest first, that follows items on their way until they are ready.

import { ApiError, getItem, listItems } from "./api.js";
import { accessToken } from "./auth.js";
import { $, badge, h, isMoving, notice, plural, say, thumbnail, titleOf } from "./dom.js";

const POLL_MS = { first: 1500, slowest: 20_000 };
const POLLED_AT_ONCE = 8;
const RECONNECT_MS = { first: 2000, slowest: 60_000 };

const items = new Map();
const previews = new Map();
let cursor = null;
let total = 0;
let loading = false;
let page;
let timer;
let delay = POLL_MS.first;

/** `page`: open(id), changed(item). */
export function setUpLibrary(callbacks) {
  page = callbacks;
  $("more").addEventListener("click", loadMore);
  new IntersectionObserver((seen) => seen[0].isIntersecting && loadMore(), { rootMargin: "400px" }).observe($("more"));
}

export async function loadLibrary() {
  $("grid").replaceChildren(...Array.from({ length: 12 }, (_, n) => placeholder([0.75, 1.33, 1, 0.6][n % 4])));
  $("grid").setAttribute("aria-busy", "true");
  try {
    const first = await listItems();
    $("grid").replaceChildren();
    takePage(first);
  } catch (error) {
    $("grid").replaceChildren(h("li", { class: "wide" }, notice(error.message, loadLibrary)));
  }
  $("grid").removeAttribute("aria-busy");
}

export const known = (id) => items.get(id);

export function remove(id) {
  forgetPreview(id);
  if (items.delete(id)) count(total - 1);
  tileOf(id)?.remove();
}

/** Shows an item at its place: a new one, or what has become of one that is shown already. */
export function put(item, file) {
  if (file) previews.set(item.id, { url: URL.createObjectURL(file), ratio: 1 });
  if (!isMoving(item)) forgetPreview(item.id);
  const before = items.get(item.id);
  items.set(item.id, item);
  const old = tileOf(item.id);
  const fresh = tile(item);
  if (old) {
    const focused = old.contains(document.activeElement);
    const image = old.querySelector("img.loaded");
    // The same picture under a newly signed link: no need to fetch it again.
    if (image && Boolean(before.width) === Boolean(item.width)) fresh.querySelector("img")?.replaceWith(image);
    old.replaceWith(fresh);
    if (focused) fresh.querySelector("a").focus();
  } else {
    const next = [...$("grid").children].find((other) => items.get(other.dataset.id)?.created_at < item.created_at);
    $("grid").insertBefore(fresh, next ?? null);
    count(total + 1);
  }
  if (before && before.status !== item.status) {
    delay = POLL_MS.first;
    page.changed(item);
    if (item.status === "ready") say(`${titleOf(item)} is ready to be found.`);
    if (item.status === "failed") say(`${item.original_filename} failed: ${item.error?.message}`);
  }
  watch();
}

async function loadMore() {
  if (loading || !cursor) return;
  loading = true;
  await listItems(cursor).then(takePage).catch((error) => say(error.message));
  loading = false;
}

function takePage(answer) {
  for (const item of answer.items) {
    if (items.has(item.id)) tileOf(item.id)?.remove();
    items.set(item.id, item);
  }
  $("grid").append(...answer.items.map(tile));
  cursor = answer.next_cursor;
  $("more").hidden = !cursor;
  count(answer.total);
  watch();
}

function count(now) {
  total = Math.max(0, now);
  $("total").textContent = total ? plural(total, "picture") : "";
  $("nothing-yet").hidden = total > 0;
}

// --- following items -------------------------------------------------------------------------------------------------

/** Asks for what moves, at first often, then ever less: the socket tells only when an item is ready or has failed. */
function watch() {
  clearTimeout(timer);
  if (![...items.values()].some(isMoving)) { delay = POLL_MS.first; return; }
  timer = setTimeout(async () => {
    delay = Math.min(delay * 1.4, POLL_MS.slowest);
    const moving = [...items.values()].filter(isMoving).slice(-POLLED_AT_ONCE);
    if (!document.hidden) await Promise.all(moving.map((item) => refresh(item.id)));
    watch();
  }, delay);
}

async function refresh(id) {
  try {
    const item = await getItem(id);
    const shown = items.get(id);
    if (!shown || shown.status !== item.status || shown.updated_at !== item.updated_at) put(item);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) remove(id);
  }
}

/** Keeps the WebSocket open. Without it the polling above is all there is, and is enough. */
export async function listen(url, wait = RECONNECT_MS.first) {
  const again = (after) => setTimeout(() => listen(url, after), wait);
  const token = await accessToken().catch(() => null);
  if (!token) return;
  const socket = new WebSocket(`${url}?${new URLSearchParams({ token })}`);
  let opened = false;
  socket.addEventListener("open", () => { opened = true; });
  socket.addEventListener("close", () => again(opened ? RECONNECT_MS.first : Math.min(wait * 2, RECONNECT_MS.slowest)));
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === "item.status") refresh(message.item_id);
  });
}

// --- tiles -----------------------------------------------------------------------------------------------------------

const tileOf = (id) => $("grid").querySelector(`[data-id="${CSS.escape(id)}"]`);

/** Width to height, within what makes even rows: the rest is cropped. */
function setRatio(node, ratio) {
  node.style.setProperty("--ratio", Math.min(1.8, Math.max(0.6, ratio)).toFixed(3));
}

function tile(item) {
  const { id, width, height } = item;
  const preview = previews.get(id);
  const source = item.urls.thumbnail ?? preview?.url;
  const renew = async () => (await getItem(id)).urls.thumbnail;
  const image = source && item.status !== "failed" && thumbnail(source, "", { width: width ?? 300, height: height ?? 300, renew });
  const caption = h("span", { class: "caption" }, titleOf(item), item.error && h("span", { class: "reason" }, item.error.message));
  const link = h("a", { href: `/?item=${id}`, onclick: (event) => page.open(id, event) }, image, badge(item.status), caption);
  const node = h("li", { class: `tile ${item.status}`, "data-id": id }, link);
  setRatio(node, width ? width / height : preview?.ratio ?? 1);
  if (preview && image && !width) {
    image.addEventListener("load", () => {
      preview.ratio = image.naturalWidth / image.naturalHeight;
      setRatio(image.closest("li"), preview.ratio);
    });
  }
  return node;
}

function placeholder(ratio) {
  const node = h("li", { class: "skeleton" });
  setRatio(node, ratio);
  return node;
}

function forgetPreview(id) {
  if (previews.has(id)) URL.revokeObjectURL(previews.get(id).url);
  previews.delete(id);
}
