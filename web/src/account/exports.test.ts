import { beforeEach, describe, expect, it } from "vitest";
import { forgetExport, rememberedExport, rememberExport } from "./exports";

describe("the export that was asked for last", () => {
  beforeEach(forgetExport);

  it("is remembered, the newest one", () => {
    rememberExport("ada", "job-1");
    rememberExport("ada", "job-2");

    expect(rememberedExport("ada")).toBe("job-2");
  });

  it("is nobody else's", () => {
    rememberExport("ada", "job-1");

    expect(rememberedExport("grace")).toBeNull();
  });

  it("can be forgotten", () => {
    rememberExport("ada", "job-1");
    forgetExport();

    expect(rememberedExport("ada")).toBeNull();
  });
});
