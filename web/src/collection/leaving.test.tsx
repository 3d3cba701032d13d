import { QueryClient } from "@tanstack/react-query";
import { act as settle, createElement } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError, type Api, type Item } from "../platform/api";
import { act, dismissAll, SHOWN_MS, shown } from "../ui/toasts";
import { useStaying, useStayingFacets } from "./leaving";
import { deleteLater, itemsQuery } from "./queries";

(globalThis as Record<string, unknown>)["IS_REACT_ACT_ENVIRONMENT"] = true;

const item = (id: string) =>
  ({ id, status: "ready", category: "receipt", tags: ["food"], created_at: "2026-11-21T08:00:00Z" }) as Item;
const idOf = (each: Item) => each.id;

/** A server that has items until it is told to delete them, and what a list shows of its answers. */
class Server {
  items: Item[];
  deletions: string[][] = [];
  fails = false;
  readonly api = {
    GET: () => Promise.resolve({ data: { items: this.items, total: this.items.length, next_cursor: null } }),
    POST: (_path: string, { body }: { body: { ids: string[] } }) => this.#delete(body.ids),
  } as unknown as Api;

  constructor(...ids: string[]) {
    this.items = ids.map(item);
  }

  async #delete(ids: string[]) {
    if (this.fails) throw new ApiError("The database cannot be reached.", 503);
    this.deletions.push(ids);
    this.items = this.items.filter(({ id }) => !ids.includes(id));
    return { data: { done: ids, not_found: [], not_possible: [] } };
  }
}

let root: Root;
const FACETS = { categories: [{ value: "receipt", count: 2 }], tags: [{ value: "food", count: 2 }], statuses: [] };
const NO_FILTERS = {};

/** Shows what was fetched as the pages do. */
function List({ items }: { items: Item[] }) {
  const seen = useStaying(items, idOf).map(({ id }) => id);
  const counted = useStayingFacets(FACETS, NO_FILTERS)?.tags[0]?.count;
  return createElement("p", null, `${seen.join(" ")} (${counted})`);
}

let page: HTMLElement;
const show = (items: Item[]) => settle(() => root.render(createElement(List, { items })));
const pass = (ms: number) => settle(() => vi.advanceTimersByTimeAsync(ms));

describe("a deletion", () => {
  let client: QueryClient;

  beforeEach(() => {
    vi.useFakeTimers();
    client = new QueryClient();
    page = document.createElement("div");
    root = createRoot(page);
  });
  afterEach(async () => {
    await settle(dismissAll);
    await settle(() => root.unmount());
    vi.useRealTimers();
  });

  const remove = async (server: Server, ...ids: string[]) => {
    await client.fetchInfiniteQuery(itemsQuery(server.api, {}));
    await settle(() => deleteLater(server.api, client, ids));
  };

  it("is done when its toast goes, not before", async () => {
    const server = new Server("a1", "a2");
    await remove(server, "a1");

    await pass(SHOWN_MS - 1);
    expect(server.deletions).toEqual([]);
    await pass(1);

    expect(server.deletions).toEqual([["a1"]]);
  });

  it("can be undone for as long as the toast is there", async () => {
    const server = new Server("b1", "b2");
    await show(server.items);
    await remove(server, "b1");
    expect(page.textContent).toBe("b2 (1)");
    await pass(SHOWN_MS - 1);

    await settle(() => act(shown()[0]!.id));

    expect(page.textContent).toBe("b1 b2 (2)");
    await pass(10 * SHOWN_MS);
    expect(server.deletions).toEqual([]);
  });

  it("is not undone by lists that are fetched meanwhile, or that were on their way when it was done", async () => {
    const server = new Server("c1", "c2");
    await show(server.items);
    const older = server.items;
    await remove(server, "c1");

    await show((await client.fetchInfiniteQuery(itemsQuery(server.api, {}))).pages[0]!.items);
    expect(page.textContent).toBe("c2 (1)");
    await pass(SHOWN_MS);
    expect(server.deletions).toEqual([["c1"]]);
    await show([...older]);

    expect(page.textContent).toMatch(/^c2 /);
  });

  it("that fails brings the items back and says why", async () => {
    const server = new Server("d1", "d2");
    server.fails = true;
    await show(server.items);
    await remove(server, "d1");

    await pass(SHOWN_MS);

    expect(page.textContent).toBe("d1 d2 (2)");
    expect(shown().map(({ text }) => text)).toEqual(["The database cannot be reached."]);
  });

  it("is done at once when the page is left", async () => {
    const server = new Server("e1");
    await remove(server, "e1");

    await settle(() => window.dispatchEvent(new Event("pagehide")));

    expect(server.deletions).toEqual([["e1"]]);
  });
});
