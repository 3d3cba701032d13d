// Search results: cards with the score on demand, and a way on when there is nothing.

import { getItem, search } from "./api.js";
import { $, h, notice, plural, say, thumbnail } from "./dom.js";

const TOP_K = 30;
// In every other sentence, so that marking them shows nothing.
const UNMARKED = new Set(["the", "and", "for", "with", "what", "when", "where", "who", "how", "that", "this", "from", "are", "was", "did"]);
const MODES = { hybrid: "words and meaning", bm25: "words", vector: "meaning" };

let shown = "";
let running = null;

/** Searches, unless these results are on the page already. `page`: open(id, event), go(fields). */
export async function showResults(query, mode, page, { again = false } = {}) {
  const wanted = JSON.stringify([query, mode]);
  if (wanted === shown && !again) return;
  shown = wanted;
  running?.abort();
  running = new AbortController();
  const section = $("results");
  const heading = h("h1", { id: "results-title" }, `“${query}”`);
  const note = h("p", {}, "Searching…");
  const body = h("div", {}, h("ul", { class: "cards", "aria-hidden": "true" }, Array.from({ length: 6 }, skeleton)));
  section.replaceChildren(h("div", { class: "heading" }, heading, note), body);
  try {
    const found = await search({ query, search_type: mode, top_k: TOP_K }, running.signal);
    const [likely, less] = split(found.results);
    note.textContent = found.results.length ? `${plural(likely.length, "match", "matches")} by ${MODES[mode]}` : "";
    say(found.results.length ? `${plural(likely.length, "match", "matches")} for ${query}.` : `Nothing found for ${query}.`);
    body.replaceChildren(...[
      found.degraded.includes("vector") && h("p", { class: "notice" }, "Searching by meaning is down at the moment: these match by words."),
      likely.length ? cards(likely, query, page) : nothing(query, mode, page),
      less.length && h("details", { class: "less" }, h("summary", {}, plural(less.length, "less likely match", "less likely matches")),
        cards(less, query, page)),
    ].filter(Boolean));
  } catch (error) {
    if (error.name === "AbortError") return;
    shown = "";
    note.textContent = "";
    body.replaceChildren(notice(error.message, () => showResults(query, mode, page)));
  }
}

/** Called when an item is gone, so that it is not found on the page any more. */
export const dropResult = (id) => $("results").querySelector(`[data-id="${CSS.escape(id)}"]`)?.remove();

/** Nearest neighbours always exist: what shares no word and is far behind the best is set apart. */
function split(results) {
  const best = Math.max(0, ...results.map((result) => result.similarity ?? 0));
  const isLikely = (result) => result.bm25_score !== null || result.similarity === null || result.similarity >= best / 2;
  return [results.filter(isLikely), results.filter((result) => !isLikely(result))];
}

const cards = (results, query, page) => h("ul", { class: "cards" }, results.map((result) => card(result, query, page)));

function card(result, query, page) {
  const id = result.item_id;
  const renew = async () => (await getItem(id)).urls.thumbnail;
  return h("li", { class: "card", "data-id": id },
    h("a", { href: `/?item=${id}`, onclick: (event) => page.open(id, event) },
      h("span", { class: "picture" }, thumbnail(result.thumbnail_url, "", { width: 132, height: 132, renew })),
      h("span", { class: "about" },
        result.category && h("span", { class: "category" }, result.category),
        h("strong", {}, marked(result.headline, query)),
        h("span", { class: "summary" }, marked(result.summary, query)))),
    h("details", { class: "why" }, h("summary", {}, "Why this?"), h("p", {}, reasons(result))));
}

function reasons(result) {
  return [
    `Rank ${result.rank}, score ${result.score.toFixed(3)}.`,
    result.bm25_score === null ? "" : `Words: ${result.bm25_score.toFixed(2)} (BM25).`,
    result.similarity === null ? "" : `Meaning: ${Math.round(result.similarity * 100)} % alike.`,
  ].filter(Boolean).join(" ");
}

/** The text, with the words of the query marked. */
function marked(text, query) {
  const words = (query.match(/[\p{L}\p{N}]{3,}/gu) ?? []).filter((word) => !UNMARKED.has(word.toLowerCase()));
  if (!words.length) return [text];
  const parts = text.split(new RegExp(`(?<![\\p{L}\\p{N}])(${words.join("|")})`, "giu"));
  return parts.map((part, at) => at % 2 ? h("mark", {}, part) : part);
}

function nothing(query, mode, page) {
  const to = (label, fields) => h("button", { class: "button", type: "button", onclick: () => page.go(fields) }, label);
  return h("div", { class: "empty" },
    h("h2", {}, "Nothing in your collection answers that"),
    h("p", {}, mode === "bm25" ? "No picture has these words in it. What you mean may still be there."
      : "Try fewer or other words: what is written in the picture, a shop, a place, a colour."),
    h("p", { class: "actions" }, mode !== "hybrid" && to("Search words and meaning", { q: query }), to("Show everything", {})));
}

const skeleton = () => h("li", { class: "card skeleton" });
