import { describe, expect, it } from "vitest";
import { asSize, t } from ".";
import { en } from "./en";

describe("texts", () => {
  it("choose their form by the count", () => {
    expect(t("collection.count", { count: 1 })).toBe("1 picture");
    expect(t("collection.count", { count: 12_345 })).toBe("12,345 pictures");
  });

  it("leave no placeholder open when the value is missing", () => {
    expect(t("search.title")).toBe("Results for “”");
  });

  it("use the same placeholders in both forms", () => {
    const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).toSorted();
    for (const entry of Object.values(en)) {
      if (typeof entry !== "string") expect(names(entry.one)).toEqual(names(entry.other));
    }
  });

  it("say sizes as people do", () => {
    expect(asSize(3_400_000)).toBe("3.4 MB");
  });
});
