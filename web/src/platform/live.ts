import type { Session } from "./session";

/** What the server pushes; chat messages are typed where they are read. */
export interface LiveMessage {
  type: string;
  [field: string]: unknown;
}

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

/**
 * The WebSocket: one connection while somebody is signed in and the page is open, made again when it breaks, with waits
 * that double. What was pushed before it was open is lost by nature, so listeners are told `{"type": "live.opened"}`
 * each time, and fetch anew what they show.
 */
export class Live {
  readonly #url: string;
  readonly #session: Session;
  readonly #listeners = new Set<(message: LiveMessage) => void>();
  #socket: WebSocket | null = null;
  #wait = FIRST_WAIT_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(url: string, session: Session) {
    this.#url = url;
    this.#session = session;
    addEventListener("online", () => this.#reconnectNow());
  }

  async start(): Promise<void> {
    const token = await this.#session.accessToken();
    if (token === null || this.#stopped) return;
    const socket = new WebSocket(`${this.#url}?token=${encodeURIComponent(token)}`);
    this.#socket = socket;
    socket.addEventListener("open", () => this.#opened());
    socket.addEventListener("message", (event) => this.#tell(JSON.parse(String(event.data)) as LiveMessage));
    socket.addEventListener("close", () => this.#again());
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  get isOpen(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Throws when there is no connection; the caller has an HTTP way. */
  send(message: unknown): void {
    if (!this.isOpen) throw new Error("not connected");
    this.#socket?.send(JSON.stringify(message));
  }

  listen(listener: (message: LiveMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #opened(): void {
    this.#wait = FIRST_WAIT_MS;
    this.#tell({ type: "live.opened" });
  }

  #again(): void {
    this.#tell({ type: "live.lost" });
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.start().catch(() => this.#again()), this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
  }

  #reconnectNow(): void {
    if (this.isOpen || this.#stopped) return;
    clearTimeout(this.#timer);
    this.#wait = FIRST_WAIT_MS;
    void this.start().catch(() => this.#again());
  }

  #tell(message: LiveMessage): void {
    for (const listener of this.#listeners) listener(message);
  }
}
