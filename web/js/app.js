// The page: who is here, and what its address asks for (?q=…&mode=…&item=…).

import * as auth from "./auth.js";
import { $ } from "./dom.js";
import { closeItem, openItem, setUpItem, updateItem } from "./item.js";
import * as library from "./library.js";
import { dropResult, showResults } from "./results.js";
import { setUpUploads } from "./uploads.js";

const MODES = ["hybrid", "bm25", "vector"];
const page = { open, go };

async function main() {
  document.addEventListener("signed-out", () => welcome());
  $("sign-in").addEventListener("click", () => auth.startSignIn().catch((error) => welcome(error.message)));
  $("sign-up").addEventListener("click", () => auth.startSignIn("/signup").catch((error) => welcome(error.message)));
  $("sign-out").addEventListener("click", () => auth.signOut());
  let config = {};
  let problem;
  try {
    config = await auth.start();
  } catch (error) {
    problem = error instanceof TypeError ? "Collections cannot be reached. Check your connection and reload." : error.message;
  }
  // The local cloud's login has no page to sign up on.
  $("sign-up").hidden = config.cloud !== "aws";
  $("local-hint").hidden = config.cloud !== "local";
  if (!auth.email()) return welcome(problem);
  enter(config);
}

function welcome(problem) {
  closeItem();
  for (const id of ["bar", "library", "results", "uploads"]) $(id).hidden = true;
  $("welcome").hidden = false;
  $("sign-in-problem").hidden = !problem;
  $("sign-in-problem").textContent = problem ?? "";
}

function enter(config) {
  $("email").textContent = auth.email();
  $("initial").textContent = auth.email().slice(0, 1).toUpperCase();
  $("bar").hidden = false;
  library.setUpLibrary({ open, changed: updateItem });
  setUpItem({ known: library.known, closed: leaveItem, deleted: (id) => { library.remove(id); dropResult(id); } });
  setUpUploads({ ready: () => Boolean(auth.email()), added: library.put, withdrawn: library.remove, open });
  $("search").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  $("mode").addEventListener("change", () => $("q").value.trim() && submit());
  $("q").addEventListener("input", () => { if (!$("q").value && asked().q) go({}); });
  $("home").addEventListener("click", (event) => { event.preventDefault(); go({}); });
  document.addEventListener("click", (event) => { if (!$("account").contains(event.target)) $("account").open = false; });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") $("account").open = false;
    if (event.key === "/" && !event.target.closest("input, select, dialog")) { event.preventDefault(); $("q").focus(); }
  });
  addEventListener("popstate", route);
  route();
  library.loadLibrary();
  library.listen(config.webSocketUrl);
}

// --- the address -----------------------------------------------------------------------------------------------------

function asked() {
  const fields = new URLSearchParams(location.search);
  const mode = fields.get("mode");
  return { q: fields.get("q")?.trim() ?? "", mode: MODES.includes(mode) ? mode : MODES[0], item: fields.get("item") };
}

function address({ q, mode, item }) {
  const fields = Object.entries({ q, mode: mode === MODES[0] ? "" : mode, item }).filter(([, value]) => value);
  return fields.length ? `/?${new URLSearchParams(fields)}` : "/";
}

function go(fields) {
  if (address(fields) !== location.pathname + location.search) history.pushState({ ours: true }, "", address(fields));
  route();
  if (!fields.item) scrollTo(0, 0);
}

function submit() {
  go({ q: $("q").value.trim(), mode: $("mode").value });
  $("q").blur();
}

/** Opens an item here; with a modifier key the link does what links do. */
function open(id, event) {
  if (event?.ctrlKey || event?.metaKey || event?.shiftKey) return;
  event?.preventDefault();
  go({ ...asked(), item: id });
}

/** The dialog was closed by hand: its address goes too, by going back where there is a way back. */
function leaveItem() {
  if (!asked().item || !auth.email()) return;
  if (history.state?.ours) history.back();
  else { history.replaceState(null, "", address({ ...asked(), item: null })); route(); }
}

function route() {
  const { q, mode, item } = asked();
  $("q").value = q;
  $("mode").value = mode;
  document.title = q ? `${q} · Collections` : "Collections";
  $("welcome").hidden = true;
  $("library").hidden = Boolean(q);
  $("results").hidden = !q;
  if (q) showResults(q, mode, page);
  if (item) openItem(item);
  else closeItem();
}

main();
