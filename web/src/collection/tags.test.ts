import { describe, expect, it } from "vitest";
import { asSpelled, offered } from "./tags";

describe("tags that are in use", () => {
  it("are all offered before anything is typed, in their order", () => {
    expect(offered("", ["party", "bread"])).toEqual(["party", "bread"]);
  });

  it("are offered for a part of them, those that begin with it first, and once", () => {
    expect(offered("Re", ["bread", "Recipe", "party", "receipt", "bread"])).toEqual(["Recipe", "receipt", "bread"]);
  });

  it("lend their spelling", () => {
    expect(asSpelled("PARTY", ["party"])).toBe("party");
    expect(asSpelled("new one", ["party"])).toBe("new one");
  });
});
