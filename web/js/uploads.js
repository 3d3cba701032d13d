// Adding pictures: straight from the browser to storage, a few at a time, each with its own progress and its own fate.

import { deleteItem, prepareUpload, sendToStorage } from "./api.js";
import { $, h, plural, say, size } from "./dom.js";

const PARALLEL = 3;
const MAX_BYTES = 50 * 2 ** 20;
const GONE_AFTER_MS = 2500;
// Browsers leave `type` empty for formats they do not know themselves.
const TYPES = {
  jpg: "image/jpeg", jpeg: "image/jpeg", png: "image/png", webp: "image/webp", gif: "image/gif", heic: "image/heic",
  heif: "image/heif", avif: "image/avif", tif: "image/tiff", tiff: "image/tiff", bmp: "image/bmp",
};
const ACCEPTED = new Set(Object.values(TYPES));

const waiting = [];
const sending = new Map();
let running = 0;
let page;

/** `page`: added(item, file), withdrawn(id), open(id). */
export function setUpUploads(callbacks) {
  page = callbacks;
  const choose = () => $("files").click();
  $("add").addEventListener("click", choose);
  document.querySelector("[data-add]").addEventListener("click", choose);
  $("files").addEventListener("change", () => { add($("files").files); $("files").value = ""; });
  $("uploads-close").addEventListener("click", () => {
    for (const row of [...rows().children]) if (!row.classList.contains("busy")) row.remove();
    tidy();
  });
  addEventListener("paste", (event) => event.clipboardData?.files.length && add(event.clipboardData.files));
  addEventListener("beforeunload", (event) => running && event.preventDefault());
  setUpDropping();
}

function setUpDropping() {
  const hasFiles = (event) => page.ready() && event.dataTransfer?.types.includes("Files");
  const show = (shown) => { $("drop").hidden = !shown; };
  addEventListener("dragover", (event) => { if (hasFiles(event)) { event.preventDefault(); show(true); } });
  addEventListener("dragleave", (event) => event.relatedTarget || show(false));
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    show(false);
    add(event.dataTransfer.files);
  });
}

function add(files) {
  if (!page.ready()) return;
  for (const file of files) waiting.push(newJob(file));
  say(`Adding ${plural(files.length, "picture")}.`);
  next();
}

function next() {
  tidy();
  while (running < PARALLEL && waiting.length) {
    running += 1;
    run(waiting.shift()).finally(() => { running -= 1; next(); });
  }
}

async function run(job) {
  const { file } = job;
  const type = ACCEPTED.has(file.type) ? file.type : TYPES[file.name.split(".").pop().toLowerCase()];
  if (!type) return job.end("Not a picture Collections can read. Use JPEG, PNG, WebP, GIF, HEIC, AVIF, TIFF or BMP.");
  if (file.size === 0) return job.end("The file is empty.");
  if (file.size > MAX_BYTES) return job.end(`${size(file.size)} is too large: save a copy below ${size(MAX_BYTES)} and add that.`);
  let sha256, prepared;
  try {
    sha256 = await fingerprint(file);
    if (sending.has(sha256)) return job.end(`The same picture as ${sending.get(sha256)}: added once.`, { kind: "note" });
    sending.set(sha256, file.name);
    prepared = await prepareUpload({ filename: file.name, content_type: type, file_size: file.size, sha256 });
    if (prepared.duplicate) {
      return job.end("Already in your collection.", { kind: "note", action: ["Show it", () => page.open(prepared.item.id)] });
    }
    page.added(prepared.item, file);
    await sendToStorage(prepared.upload, file, job.progress);
    job.end("Added", { kind: "done" });
  } catch (error) {
    if (prepared?.upload) {
      page.withdrawn(prepared.item.id);
      deleteItem(prepared.item.id).catch(() => null);
    }
    job.end(error.message, { action: ["Try again", () => { job.row.remove(); waiting.push(newJob(file)); next(); }] });
  } finally {
    if (sending.get(sha256) === file.name) sending.delete(sha256);
  }
}

function newJob(file) {
  const bar = h("progress", { max: 1, value: 0, "aria-label": `Progress of ${file.name}` });
  const words = h("p", { class: "words" }, size(file.size));
  const row = h("li", { class: "busy" }, h("p", { class: "name" }, file.name), words, bar);
  rows().append(row);
  const end = (message, { kind = "failed", action } = {}) => {
    row.className = kind;
    bar.remove();
    words.textContent = message;
    if (action) row.append(h("button", { class: "button", type: "button", onclick: action[1] }, action[0]));
    say(`${file.name}: ${message}`);
    if (kind === "done") setTimeout(() => { row.remove(); tidy(); }, GONE_AFTER_MS);
  };
  return { file, row, end, progress: (share) => { bar.value = share; } };
}

function tidy() {
  const busy = rows().querySelectorAll(".busy").length;
  $("uploads").hidden = rows().children.length === 0;
  $("uploads-title").textContent = busy ? `Adding ${plural(busy, "picture")}` : "Added";
  $("uploads-close").hidden = busy === rows().children.length;
}

const rows = () => $("uploads").querySelector("ul");

async function fingerprint(file) {
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
