import { openDB, type DBSchema, type IDBPDatabase } from "idb";

/** A picture on its way, as it is kept across reloads. */
export interface Shelved {
  id: string;
  /** Whose it is: another user of the same browser never sees it. */
  owner: string;
  file: File;
  addedAt: number;
  /** Asked for at the API together with others, under this idempotency key; until the answer is known. */
  batch?: { key: string; size: number };
  /** The item that was made for it, once that answer is known. */
  itemId?: string;
}

interface Schema extends DBSchema {
  uploads: { key: string; value: Shelved; indexes: { owner: string } };
}

/** Where the upload queue waits across reloads. */
export interface Shelf {
  put(entries: Shelved[]): Promise<void>;
  remove(ids: string[]): Promise<void>;
  /** In the order they were added. */
  of(owner: string): Promise<Shelved[]>;
}

/** In the browser's IndexedDB. */
export class IndexedDbShelf implements Shelf {
  readonly #database: Promise<IDBPDatabase<Schema>>;

  constructor(name = "collections") {
    this.#database = openDB<Schema>(name, 1, {
      upgrade: (database) => {
        database.createObjectStore("uploads", { keyPath: "id" }).createIndex("owner", "owner");
      },
    });
  }

  async put(entries: Shelved[]): Promise<void> {
    const transaction = (await this.#database).transaction("uploads", "readwrite");
    await Promise.all([...entries.map((entry) => transaction.store.put(entry)), transaction.done]);
  }

  async remove(ids: string[]): Promise<void> {
    const transaction = (await this.#database).transaction("uploads", "readwrite");
    await Promise.all([...ids.map((id) => transaction.store.delete(id)), transaction.done]);
  }

  async of(owner: string): Promise<Shelved[]> {
    const found = await (await this.#database).getAllFromIndex("uploads", "owner", owner);
    return found.toSorted((one, other) => one.addedAt - other.addedAt);
  }
}
