import { describe, expect, it, vi } from "vitest";
import { ApiError, type Api, type Item } from "../platform/api";
import type { Shelved } from "./shelf";
import { byInterest, Uploads, type Upload, type UploadState } from "./uploads";

const png = (name: string, content = name) => new File([content], name, { type: "image/png" });

/** An API that prepares uploads as told, and remembers what it was asked. */
class FakeApi {
  readonly asked: string[][] = [];
  readonly deleted: string[] = [];
  duplicates = new Set<string>();
  refusals: ApiError[] = [];

  readonly keys: string[] = [];

  async POST(
    _: string,
    { body, headers }: { body: { files: { filename: string }[] }; headers: Record<string, string> },
  ) {
    this.keys.push(headers["Idempotency-Key"] ?? "");
    const refusal = this.refusals.shift();
    if (refusal) throw refusal;
    const names = body.files.map(({ filename }) => filename);
    this.asked.push(names);
    const uploads = names.map((name) => ({
      item: { id: `item-${name}` } as Item,
      ...(this.duplicates.has(name) ? { duplicate: true } : { upload: { url: "u", fields: {}, expires_at: "" } }),
    }));
    return { data: { uploads } };
  }

  statuses: Record<string, string> = {};

  async GET(_: string, { params }: { params: { path: { item_id: string } } }) {
    const status = this.statuses[params.path.item_id];
    if (!status) throw new ApiError("No such item.", 404);
    return { data: { id: params.path.item_id, status } as Item };
  }

  async DELETE(_: string, { params }: { params: { path: { item_id: string } } }) {
    this.deleted.push(params.path.item_id);
    return {};
  }
}

/** What IndexedDB does, in memory; the real one takes part in the tests in the browser. */
class FakeShelf {
  readonly #entries = new Map<string, Shelved>();

  async put(entries: Shelved[]) {
    for (const entry of entries) this.#entries.set(entry.id, entry);
  }

  async remove(ids: string[]) {
    for (const id of ids) this.#entries.delete(id);
  }

  async of(owner: string) {
    return [...this.#entries.values()].filter((entry) => entry.owner === owner);
  }
}

function given({ send = async () => undefined }: { send?: (form: unknown, file: Blob) => Promise<void> } = {}) {
  const api = new FakeApi();
  const shelf = new FakeShelf();
  const added: string[] = [];
  const uploads = new Uploads(api as unknown as Api, shelf, (item) => added.push(item.id), send as never);
  const states = () => Object.fromEntries(uploads.snapshot().uploads.map(({ name, state }) => [name, state]));
  const settled = (expected: Record<string, UploadState>) => vi.waitFor(() => expect(states()).toEqual(expected));
  return { api, shelf, added, uploads, settled };
}

describe("adding pictures", () => {
  it("asks for a batch at once, sends each, and forgets the files", async () => {
    const { api, shelf, added, uploads, settled } = given();
    await uploads.resume("mira");

    await uploads.add([png("a.png"), png("b.png")]);

    await settled({ "a.png": "done", "b.png": "done" });
    expect(api.asked).toEqual([["a.png", "b.png"]]);
    expect(added.toSorted()).toEqual(["item-a.png", "item-b.png"]);
    expect(await shelf.of("mira")).toEqual([]);
  });

  it("names a picture that is in the collection already, with its item", async () => {
    const { api, uploads, settled } = given();
    api.duplicates.add("a.png");

    await uploads.add([png("a.png")]);

    await settled({ "a.png": "duplicate" });
    expect(uploads.snapshot().uploads[0]!.itemId).toBe("item-a.png");
  });

  it("adds the same bytes in one batch once", async () => {
    const { api, uploads, settled } = given();

    await uploads.add([png("a.png", "same"), png("copy.png", "same")]);

    await settled({ "a.png": "done", "copy.png": "duplicate" });
    expect(api.asked).toEqual([["a.png"]]);
  });

  it("refuses what is no picture before anything is sent", async () => {
    const { api, uploads, settled } = given();

    await uploads.add([new File(["x"], "notes.txt", { type: "text/plain" }), new File([], "empty.png")]);

    await settled({ "notes.txt": "failed", "empty.png": "failed" });
    expect(api.asked).toEqual([]);
    expect(uploads.canRetry(uploads.snapshot().uploads[0]!.id)).toBe(false);
  });

  it("lets one picture fail alone, and tries it again when asked", async () => {
    let isBroken = true;
    const send = async (_: unknown, file: Blob) => {
      if (isBroken && (file as File).name === "b.png") throw new ApiError("Storage did not take the file.", 500);
    };
    const { api, uploads, settled } = given({ send });

    await uploads.add([png("a.png"), png("b.png"), png("c.png")]);

    await settled({ "a.png": "done", "b.png": "failed", "c.png": "done" });
    expect(api.deleted).toEqual(["item-b.png"]);
    isBroken = false;
    uploads.retryAll();
    await settled({ "a.png": "done", "b.png": "done", "c.png": "done" });
  });

  it("waits when it is told to wait, and fails nothing", async () => {
    const { api, uploads, settled } = given();
    api.refusals.push(new ApiError("Go on when some are ready.", 429, 0.05));

    await uploads.add([png("a.png")]);

    await settled({ "a.png": "done" });
    expect(api.asked).toHaveLength(1);
  });

  it("goes on when the network is back", async () => {
    const { api, uploads, settled } = given();
    api.refusals.push(new ApiError("Collections cannot be reached.", 0));
    await uploads.add([png("a.png")]);
    await settled({ "a.png": "held" });

    window.dispatchEvent(new Event("online"));

    await settled({ "a.png": "done" });
  });

  it("sends nothing while it is paused", async () => {
    const { api, uploads, settled } = given();
    uploads.pause();
    await uploads.add([png("a.png")]);
    expect(api.asked).toEqual([]);

    uploads.unpause();

    await settled({ "a.png": "done" });
  });
});

it("shows what moves first, then what needs somebody, and what is done last", () => {
  const states: UploadState[] = ["done", "waiting", "failed", "done", "sending", "duplicate"];
  const uploads = states.map((state, place): Upload => ({ id: `${place}`, name: "", size: 1, state, progress: 0 }));

  expect(byInterest(uploads).map(({ id }) => id)).toEqual(["4", "2", "1", "5", "0", "3"]);
});

describe("after a reload", () => {
  it("goes on with what was left, for the same user only", async () => {
    const { api, shelf, uploads, settled } = given();
    await shelf.put([
      { id: "1", owner: "mira", file: png("mine.png"), addedAt: 1 },
      { id: "2", owner: "noah", file: png("his.png"), addedAt: 2 },
    ]);

    expect(await uploads.resume("mira")).toBe(1);

    await settled({ "mine.png": "done" });
    expect(api.asked).toEqual([["mine.png"]]);
    expect(await shelf.of("noah")).toHaveLength(1);
  });

  it("takes back the item that still waits for its bytes, and sends nothing that had arrived", async () => {
    const { api, shelf, uploads, settled } = given();
    api.statuses = { arrived: "analyzing", waiting: "uploading" };
    await shelf.put([
      { id: "1", owner: "mira", file: png("arrived.png"), addedAt: 1, itemId: "arrived" },
      { id: "2", owner: "mira", file: png("waiting.png"), addedAt: 2, itemId: "waiting" },
    ]);

    await uploads.resume("mira");

    await settled({ "waiting.png": "done" });
    expect(api.deleted).toEqual(["waiting"]);
    expect(await shelf.of("mira")).toEqual([]);
  });

  it("asks again with the same key when the answer never came", async () => {
    const { api, shelf, uploads, settled } = given();
    const batch = { key: "k", size: 2 };
    await shelf.put([
      { id: "1", owner: "mira", file: png("a.png"), addedAt: 1, batch },
      { id: "2", owner: "mira", file: png("b.png"), addedAt: 2, batch },
      { id: "3", owner: "mira", file: png("c.png"), addedAt: 3 },
    ]);

    await uploads.resume("mira");

    await settled({ "a.png": "done", "b.png": "done", "c.png": "done" });
    expect(api.asked).toEqual([["a.png", "b.png"], ["c.png"]]);
    expect(api.keys[0]).toBe("k");
    expect(api.keys[1]).not.toBe("k");
  });

  it("asks with a new key for a picture whose sending failed", async () => {
    let isBroken = true;
    const send = async () => {
      if (isBroken) throw new ApiError("Storage did not take the file.", 500);
    };
    const { api, uploads, settled } = given({ send });
    await uploads.add([png("a.png")]);
    await settled({ "a.png": "failed" });
    isBroken = false;

    uploads.retryAll();

    await settled({ "a.png": "done" });
    expect(new Set(api.keys).size).toBe(2);
  });
});
