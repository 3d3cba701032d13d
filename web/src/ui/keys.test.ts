import { describe, expect, it } from "vitest";
import { isForPage } from "./keys";

/** What a page is told of a key that is pressed in an element, after what that element does with it. */
function press(target: HTMLElement, init: KeyboardEventInit = {}, take = false): boolean {
  document.body.append(target);
  if (take) target.addEventListener("keydown", (event) => event.preventDefault());
  let answer: boolean | null = null;
  const onKey = (event: KeyboardEvent) => (answer = isForPage(event));
  addEventListener("keydown", onKey);
  target.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true, cancelable: true, ...init }));
  removeEventListener("keydown", onKey);
  if (answer === null) throw new Error("The key did not arrive.");
  return answer;
}

describe("a key", () => {
  it("is the page's on a button or with Shift", () => {
    expect(press(document.createElement("button"))).toBe(true);
    expect(press(document.createElement("button"), { shiftKey: true })).toBe(true);
  });

  it("is not the page's in a field, or when somebody took it", () => {
    expect(press(document.createElement("textarea"))).toBe(false);
    expect(press(document.createElement("button"), {}, true)).toBe(false);
  });

  it.each([{ altKey: true }, { ctrlKey: true }, { metaKey: true }])("is the browser's with %o", (held) => {
    expect(press(document.createElement("button"), held)).toBe(false);
  });
});
