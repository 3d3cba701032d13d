// Building the page: data only ever becomes text nodes and attributes, never markup.

export const $ = (id) => document.getElementById(id);

export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return node;
}

/** Tells people who listen what people who look can see. */
export function say(message) {
  $("status").textContent = message;
}

export function notice(message, retry) {
  return h("p", { class: "notice", role: "alert" }, message, " ",
    retry && h("button", { class: "button", type: "button", onclick: retry }, "Try again"));
}

export const plural = (count, one, many = `${one}s`) => `${count.toLocaleString()} ${count === 1 ? one : many}`;

export function size(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

const day = { day: "numeric", month: "long", year: "numeric" };

export const date = (time, options) => new Intl.DateTimeFormat(undefined, { ...day, ...options }).format(new Date(time));

const STATUS_WORDS = {
  uploading: "Uploading", processing: "Preparing", analyzing: "Reading", embedding: "Indexing", failed: "Failed",
};

/** The badge of an item that is on its way or failed; nothing for one that is ready. */
export function badge(status) {
  const words = STATUS_WORDS[status];
  return words && h("span", { class: `badge ${status === "failed" ? "failed" : "moving"}` }, words);
}

export const isMoving = (item) => item.status !== "ready" && item.status !== "failed";

export const titleOf = (item) => item.title ?? item.latest_analysis?.headline ?? item.original_filename;

/** A thumbnail. Links expire: one that fails is asked for again, once, and then gives way to the frame around it. */
export function thumbnail(src, alt, { width, height, renew }) {
  const image = h("img", { src, alt, width, height, loading: "lazy", decoding: "async" });
  image.addEventListener("load", () => image.classList.add("loaded"));
  image.addEventListener("error", async () => {
    const fresh = await renew().catch(() => null);
    if (fresh && fresh !== src) image.src = fresh;
    else image.remove();
  }, { once: true });
  return image;
}
