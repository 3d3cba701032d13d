import { asSize, t } from "../i18n";
import { ApiError, data, type Api, type Item, type Schemas } from "../platform/api";
import { MAX_BYTES, mediaType, sha256 } from "./files";
import { sendToStorage } from "./send";
import type { Shelf, Shelved } from "./shelf";

export type UploadState = "waiting" | "hashing" | "held" | "sending" | "done" | "duplicate" | "failed";

/** One picture on its way, as the page shows it. `progress` is a share of 1. */
export interface Upload {
  id: string;
  name: string;
  size: number;
  state: UploadState;
  progress: number;
  message?: string;
  itemId?: string;
}

interface UploadsState {
  uploads: readonly Upload[];
  paused: boolean;
}

type Prepared = Schemas["PreparedUploadOut"];
type Send = typeof sendToStorage;

// Storage takes several at once; more would only share the same line. One request to the API prepares a batch.
const PARALLEL = 4;
const BATCH = 20;
const UNFINISHED: readonly UploadState[] = ["waiting", "hashing", "held", "sending"];

export const isUnfinished = (upload: Upload): boolean => UNFINISHED.includes(upload.state);

/**
 * Everything that is being added: hashed here, asked for at the API in batches, sent straight to storage.
 *
 * The files wait in IndexedDB until they are stored, so that a reload loses nothing. Each upload has its own fate; being
 * offline or told to wait (429) holds the queue and fails nothing.
 */
export class Uploads {
  #state: UploadsState = { uploads: [], paused: false };
  readonly #shelved = new Map<string, Shelved>();
  readonly #listeners = new Set<() => void>();
  readonly #stops = new Map<string, AbortController>();
  #running = false;
  #owner = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly api: Api,
    readonly shelf: Shelf,
    readonly onAdded: (item: Item) => void,
    readonly send: Send = sendToStorage,
  ) {
    addEventListener("online", () => this.#resumeHeld());
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): UploadsState => this.#state;

  /** Takes up what this user left unfinished. Returns how many. */
  async resume(owner: string): Promise<number> {
    this.#owner = owner;
    const left = await this.shelf.of(owner);
    const unsent = [];
    for (const entry of left) if (!(await this.#wasSent(entry))) unsent.push(entry);
    this.#enqueue(unsent);
    return unsent.length;
  }

  async add(files: Iterable<File>): Promise<void> {
    const [accepted, refused] = sorted([...files]);
    const entries = accepted.map((file, place): Shelved => ({
      id: crypto.randomUUID(),
      owner: this.#owner,
      file,
      addedAt: Date.now() + place / 1000,
    }));
    await this.shelf.put(entries);
    this.#set({ uploads: [...this.#state.uploads, ...refused] });
    this.#enqueue(entries);
  }

  pause(): void {
    this.#set({ paused: true });
    for (const stop of this.#stops.values()) stop.abort();
  }

  unpause(): void {
    this.#set({ paused: false });
    void this.#run();
  }

  retry(id: string): void {
    this.#change(id, { state: "waiting", progress: 0 });
    void this.#run();
  }

  /** What was refused for what it is stays refused. */
  canRetry(id: string): boolean {
    return this.#shelved.has(id);
  }

  retryAll(): void {
    for (const { id, state } of this.#state.uploads) if (state === "failed" && this.canRetry(id)) this.retry(id);
  }

  async remove(id: string): Promise<void> {
    this.#stops.get(id)?.abort();
    await this.#forget(id);
    this.#set({ uploads: this.#state.uploads.filter((each) => each.id !== id) });
  }

  async clearFinished(): Promise<void> {
    const finished = this.#state.uploads.filter((each) => !isUnfinished(each));
    await this.shelf.remove(finished.map(({ id }) => id));
    for (const { id } of finished) this.#shelved.delete(id);
    this.#set({ uploads: this.#state.uploads.filter(isUnfinished) });
  }

  // --- the queue -----------------------------------------------------------------------------------------------------

  /** Whether the page was closed after the bytes had arrived; an item that still waits for them is taken back. */
  async #wasSent({ id, itemId }: Shelved): Promise<boolean> {
    if (!itemId) return false;
    const params = { path: { item_id: itemId } };
    const item = await data(this.api.GET("/items/{item_id}", { params })).catch(() => null);
    if (item && item.status !== "uploading") {
      await this.#forget(id);
      return true;
    }
    await this.#takeBack(itemId);
    return false;
  }

  #enqueue(entries: Shelved[]): void {
    for (const entry of entries) this.#shelved.set(entry.id, entry);
    const known = new Set(this.#state.uploads.map(({ id }) => id));
    const added = entries
      .filter(({ id }) => !known.has(id))
      .map(({ id, file: { name, size } }): Upload => ({ id, name, size, state: "waiting", progress: 0 }));
    this.#set({ uploads: [...this.#state.uploads, ...added] });
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      for (let batch = this.#next(); batch.length > 0; batch = this.#next()) await this.#runBatch(batch);
    } finally {
      this.#running = false;
    }
  }

  #next(): Upload[] {
    if (this.#state.paused || this.#state.uploads.some(({ state }) => state === "held")) return [];
    const waiting = this.#state.uploads.filter(({ state }) => state === "waiting");
    const key = waiting[0] && this.#shelved.get(waiting[0].id)?.batch?.key;
    const asked = key ? waiting.filter(({ id }) => this.#shelved.get(id)?.batch?.key === key) : [];
    // What was asked for before a reload is asked for again as it was: the answer is the same, and no item is left over.
    const isWhole = asked.length > 0 && asked.length === this.#shelved.get(asked[0]?.id ?? "")?.batch?.size;
    return isWhole ? asked : waiting.slice(0, BATCH);
  }

  async #runBatch(batch: Upload[]): Promise<void> {
    const declared = new Map<string, Schemas["DeclaredFileIn"]>();
    for (const { id, name, size } of batch) {
      this.#change(id, { state: "hashing" });
      const file = this.#shelved.get(id)?.file;
      if (!file) continue;
      const digest = await sha256(file).catch(() => null);
      // The file was moved or deleted under the browser's hands.
      if (digest === null) this.#fail(id, t("upload.refused"));
      else declared.set(id, { filename: name, content_type: mediaType(file) ?? "", file_size: size, sha256: digest });
    }
    this.#dropRepeats(declared);
    if (declared.size === 0) return;
    const prepared = await this.#prepare(declared);
    if (prepared) await this.#sendAll(prepared);
  }

  /** The same bytes twice in one batch are one picture. */
  #dropRepeats(declared: Map<string, Schemas["DeclaredFileIn"]>): void {
    const seen = new Set<string>();
    for (const [id, { sha256: digest }] of declared) {
      if (digest && seen.has(digest)) {
        declared.delete(id);
        void this.#forget(id);
        this.#change(id, { state: "duplicate", message: t("upload.duplicate") });
      }
      if (digest) seen.add(digest);
    }
  }

  async #prepare(declared: Map<string, Schemas["DeclaredFileIn"]>): Promise<[string, Prepared][] | null> {
    const ids = [...declared.keys()];
    try {
      const headers = { "Idempotency-Key": await this.#batchKey(ids) };
      const { uploads } = await data(this.api.POST("/uploads", { body: { files: [...declared.values()] }, headers }));
      const prepared = ids.flatMap((id, place): [string, Prepared][] => (uploads[place] ? [[id, uploads[place]]] : []));
      await this.#shelve(prepared.map(([id, { item }]) => [id, { batch: undefined, itemId: item.id }]));
      return prepared;
    } catch (error) {
      this.#holdOrFail(ids, error);
      return null;
    }
  }

  /** The key these were asked for with before, or a new one, kept before it is used. */
  async #batchKey(ids: string[]): Promise<string> {
    const before = this.#shelved.get(ids[0] ?? "")?.batch;
    if (before && before.size === ids.length) return before.key;
    const batch = { key: crypto.randomUUID(), size: ids.length };
    await this.#shelve(ids.map((id) => [id, { batch }]));
    return batch.key;
  }

  async #shelve(changes: [string, { batch: Shelved["batch"] | undefined; itemId?: string }][]): Promise<void> {
    const changed = changes.flatMap(([id, { batch, itemId }]): Shelved[] => {
      const { batch: _, ...entry } = this.#shelved.get(id) ?? {};
      return "file" in entry ? [{ ...(entry as Shelved), ...(batch && { batch }), ...(itemId && { itemId }) }] : [];
    });
    for (const entry of changed) this.#shelved.set(entry.id, entry);
    await this.shelf.put(changed);
  }

  async #sendAll(prepared: [string, Prepared][]): Promise<void> {
    const waiting = [...prepared];
    const lane = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await this.#sendOne(...next);
    };
    await Promise.all(Array.from({ length: PARALLEL }, lane));
  }

  async #sendOne(id: string, { item, upload }: Prepared): Promise<void> {
    const entry = this.#shelved.get(id);
    if (!upload || !entry) {
      await this.#forget(id);
      this.#change(id, { state: "duplicate", message: t("upload.duplicate"), itemId: item.id });
      return;
    }
    const stop = new AbortController();
    this.#stops.set(id, stop);
    this.#change(id, { state: "sending", itemId: item.id });
    try {
      if (this.#state.paused) throw new DOMException("paused", "AbortError");
      await this.send(upload, entry.file, (progress) => this.#change(id, { progress }), stop.signal);
      await this.#forget(id);
      this.#change(id, { state: "done", progress: 1 });
      this.onAdded(item);
    } catch (error) {
      await this.#takeBack(item.id);
      this.#holdOrFail([id], error);
    } finally {
      this.#stops.delete(id);
    }
  }

  /** An item whose bytes will come under another one. What cannot be reached now, the hourly cleanup removes. */
  async #takeBack(itemId: string): Promise<void> {
    await data(this.api.DELETE("/items/{item_id}", { params: { path: { item_id: itemId } } })).catch(() => null);
  }

  #holdOrFail(ids: string[], error: unknown): void {
    const isStopped = error instanceof DOMException;
    const wait =
      error instanceof ApiError && (error.status === 429 || error.status === 503) ? error.retryAfter : undefined;
    const isOffline = error instanceof ApiError && error.status === 0;
    for (const id of ids) {
      if (isStopped) this.#change(id, { state: "waiting", progress: 0 });
      else if (wait || isOffline) this.#change(id, { state: "held", progress: 0, message: (error as Error).message });
      else this.#fail(id, error instanceof Error ? error.message : String(error));
    }
    if (wait) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#resumeHeld(), wait * 1000);
    }
  }

  #resumeHeld(): void {
    for (const each of this.#state.uploads) if (each.state === "held") this.#change(each.id, { state: "waiting" });
    void this.#run();
  }

  #fail(id: string, message: string): void {
    this.#change(id, { state: "failed", message });
  }

  async #forget(id: string): Promise<void> {
    this.#shelved.delete(id);
    await this.shelf.remove([id]);
  }

  #change(id: string, change: Partial<Upload>): void {
    this.#set({
      uploads: this.#state.uploads.map((each) => (each.id === id ? { ...each, ...change } : each)),
    });
  }

  #set(change: Partial<UploadsState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}

const INTEREST: UploadState[] = ["sending", "hashing", "failed", "held", "waiting", "duplicate", "done"];

/** What moves first, then what needs somebody; of hundreds, those that are done are the last to look at. */
export function byInterest(uploads: readonly Upload[]): Upload[] {
  return uploads.toSorted((one, other) => INTEREST.indexOf(one.state) - INTEREST.indexOf(other.state));
}

/** Files that may be sent, and uploads that failed before they began, with the reason. */
function sorted(files: File[]): [File[], Upload[]] {
  const refusals = files.map((file): [File, string | null] => [file, refusal(file)]);
  const refused = refusals.flatMap(([{ name, size }, message]): Upload[] =>
    message ? [{ id: crypto.randomUUID(), name, size, state: "failed", progress: 0, message }] : [],
  );
  return [refusals.flatMap(([file, message]) => (message ? [] : [file])), refused];
}

function refusal(file: File): string | null {
  if (mediaType(file) === null) return t("upload.notAPicture");
  if (file.size === 0) return t("upload.empty");
  if (file.size > MAX_BYTES) return t("upload.tooLarge", { size: asSize(file.size), limit: asSize(MAX_BYTES) });
  return null;
}
