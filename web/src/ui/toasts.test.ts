import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { act, dismiss, dismissAll, hold, release, SHOWN_MS, shown, toast } from "./toasts";

const texts = () => shown().map(({ text }) => text);
const idOf = (text: string) => shown().find((each) => each.text === text)!.id;

describe("toasts", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(async () => {
    await dismissAll();
    vi.useRealTimers();
  });

  it("go after their time, and tell so once", () => {
    const onGone = vi.fn();
    toast("Deleted.", { onGone });
    vi.advanceTimersByTime(SHOWN_MS - 1);
    expect(texts()).toEqual(["Deleted."]);
    expect(onGone).not.toHaveBeenCalled();

    vi.advanceTimersByTime(1);

    expect(texts()).toEqual([]);
    window.dispatchEvent(new Event("pagehide"));
    expect(onGone).toHaveBeenCalledTimes(1);
  });

  it("can be acted on until they go, and then nothing else happens", () => {
    const [run, onGone] = [vi.fn(), vi.fn()];
    toast("Deleted.", { action: { label: "Undo", run }, onGone });
    vi.advanceTimersByTime(SHOWN_MS - 1);

    act(idOf("Deleted."));

    vi.advanceTimersByTime(10 * SHOWN_MS);
    window.dispatchEvent(new Event("pagehide"));
    expect(run).toHaveBeenCalledTimes(1);
    expect(onGone).not.toHaveBeenCalled();
  });

  it("stay while the pointer or the focus is on them, and have their whole time again afterwards", () => {
    toast("Deleted.");
    const id = idOf("Deleted.");
    hold(id, "pointer");
    hold(id, "focus");
    vi.advanceTimersByTime(10 * SHOWN_MS);
    release(id, "pointer");
    vi.advanceTimersByTime(10 * SHOWN_MS);
    expect(texts()).toEqual(["Deleted."]);

    release(id, "focus");

    vi.advanceTimersByTime(SHOWN_MS - 1);
    expect(texts()).toEqual(["Deleted."]);
    vi.advanceTimersByTime(1);
    expect(texts()).toEqual([]);
  });

  it("go when they are closed and when the page is left", () => {
    const [closed, left] = [vi.fn(), vi.fn()];
    toast("one", { onGone: closed });
    toast("two", { onGone: left });

    void dismiss(idOf("one"));
    expect(closed).toHaveBeenCalledTimes(1);
    expect(left).not.toHaveBeenCalled();
    window.dispatchEvent(new Event("pagehide"));

    expect(left).toHaveBeenCalledTimes(1);
  });

  it("make room for new ones, except those that can be undone", () => {
    toast("undo me", { action: { label: "Undo", run: () => undefined } });

    for (const text of ["1", "2", "3", "4", "5"]) toast(text);

    expect(texts()).toEqual(["undo me", "3", "4", "5"]);
  });
});
