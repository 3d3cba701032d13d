// One item, in a dialog: the picture, what was read in it, and what can be done with it.

import { deleteItem, getItem } from "./api.js";
import { $, badge, date, h, isMoving, notice, say, size, titleOf } from "./dom.js";

// Names of the analysis that CSS does not know, or means otherwise.
const OUR_COLOURS = { mint: "#a5e6c8", brown: "#8c5a37", blue: "#2f6fd6", green: "#2a9640" };

let current = null;
let page;

/** `page`: known(id), closed(), deleted(id). */
export function setUpItem(callbacks) {
  page = callbacks;
  const dialog = $("item");
  dialog.addEventListener("close", () => { current = null; dialog.replaceChildren(); page.closed(); });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

export async function openItem(id) {
  if (current === id) return;
  current = id;
  const dialog = $("item");
  const atHand = page.known(id);
  if (atHand && new Date(atHand.urls.expires_at) - Date.now() > 60_000) show(atHand);
  else fill(h("div", { class: "stage skeleton" }), h("h2", { id: "item-title" }, "Loading…"));
  if (!dialog.open) dialog.showModal();
  if (dialog.querySelector(".stage.skeleton")) {
    await getItem(id).then((item) => current === id && show(item)).catch((error) => current === id && fill(
      null, h("h2", { id: "item-title" }, "Cannot be shown"),
      notice(error.status === 404 ? "This picture is not in your collection (any more)." : error.message)));
  }
}

/** What has become of an item, if it is the one on show. */
export const updateItem = (item) => current === item.id && show(item);

export function closeItem() {
  if ($("item").open) $("item").close();
}

function fill(stage, ...about) {
  const close = h("button", { class: "close", type: "button", "aria-label": "Close", onclick: closeItem }, "×");
  $("item").classList.toggle("plain", !stage);
  $("item").replaceChildren(h("div", { class: "sheet" }, close, stage ?? "", h("div", { class: "facts" }, ...about)));
}

function show(item) {
  const read = item.latest_analysis?.raw_response;
  const details = read?.image_details ?? {};
  const text = details.extracted_text ?? [];
  const tags = [...new Set([...item.tags, ...(read?.subcategories ?? []), ...(details.objects ?? []), ...(details.themes ?? [])])];
  fill(
    stage(item),
    h("p", { class: "labels" }, item.category && h("span", { class: "category" }, item.category), badge(item.status)),
    h("h2", { id: "item-title" }, titleOf(item)),
    item.error && notice(item.error.message),
    item.error && h("p", { class: "hint" }, "Delete it, or first download what you added and save it as JPEG or PNG."),
    isMoving(item) && h("p", { class: "hint" }, "It can be found as soon as it has been read."),
    (item.notes ?? read?.summary) && h("p", { class: "lead" }, item.notes ?? read.summary),
    text.length > 0 && part("Text in the picture", h("p", { class: "text", tabindex: 0 }, text.join("\n")), copyButton(text)),
    tags.length > 0 && part("Tags", h("ul", { class: "chips" }, tags.map((tag) => h("li", {}, tag)))),
    details.colors?.length > 0 && part("Colours", h("ul", { class: "chips" }, details.colors.map(colour))),
    part("About", h("dl", {},
      item.taken_at && fact("Taken", date(item.taken_at, { timeZone: "UTC" })),
      fact("Added", date(item.created_at, { hour: "2-digit", minute: "2-digit" })),
      fact("File", item.original_filename),
      fact("Size", [item.width && `${item.width} × ${item.height}`, size(item.file_size)].filter(Boolean).join(", ")))),
    actions(item),
  );
}

function stage(item) {
  if (!item.urls.display) return isMoving(item) ? h("div", { class: "stage" }, h("p", {}, "The preview is being made…")) : null;
  const { width, height } = item;
  return h("div", { class: "stage" }, h("img", { src: item.urls.display, alt: `Picture: ${titleOf(item)}`, width, height }));
}

const part = (name, ...children) => h("section", {}, h("h3", {}, name), ...children);
const fact = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

function colour(name) {
  const swatch = h("span", { class: "swatch", "aria-hidden": "true" });
  const css = OUR_COLOURS[name] ?? name.replaceAll(" ", "");
  if (CSS.supports("color", css)) swatch.style.setProperty("background-color", css);
  return h("li", {}, swatch, name);
}

function copyButton(text) {
  return h("button", { class: "quiet", type: "button", onclick: async (event) => {
    await navigator.clipboard.writeText(text.join("\n"));
    event.target.textContent = "Copied";
    say("Text copied.");
  } }, "Copy text");
}

// --- what can be done ------------------------------------------------------------------------------------------------

function actions(item) {
  const row = h("div", { class: "actions" });
  const download = h("button", { class: "button", type: "button", onclick: () => attempt(row, () => save(item.id)) }, "Download original");
  const ask = h("button", { class: "button danger", type: "button", onclick: () => confirmDeletion(row, item) }, "Delete");
  row.append(download, ask);
  return row;
}

function confirmDeletion(row, item) {
  const before = [...row.children];
  const back = () => { row.replaceChildren(...before); before.at(-1).focus(); };
  const keep = h("button", { class: "button", type: "button", onclick: back }, "Keep it");
  const confirm = h("button", { class: "button danger solid", type: "button" }, "Delete for good");
  confirm.addEventListener("click", async () => {
    confirm.disabled = true;
    await attempt(row, () => erase(item.id));
    confirm.disabled = false;
  });
  row.replaceChildren(h("p", {}, "The picture and everything read in it will be gone."), keep, confirm);
  keep.focus();
}

async function erase(id) {
  // Gone already is what was wanted.
  await deleteItem(id).catch((error) => { if (error.status !== 404) throw error; });
  page.deleted(id);
  closeItem();
  $("main").focus({ preventScroll: true });
  say("Deleted.");
}

/** Downloads under the name it was added with, which a link to another origin cannot do. Links expire: asks for a fresh one. */
async function save(id) {
  const item = await getItem(id);
  const response = await fetch(item.urls.original);
  if (!response.ok) throw new Error("The original could not be downloaded. Please try again.");
  const url = URL.createObjectURL(await response.blob());
  h("a", { href: url, download: item.original_filename }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

async function attempt(row, action) {
  row.parentElement.querySelector(".notice.problem")?.remove();
  try {
    await action();
  } catch (error) {
    const problem = notice(error.message);
    problem.classList.add("problem");
    row.before(problem);
  }
}
