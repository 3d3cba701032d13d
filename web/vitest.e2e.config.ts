import { defineConfig } from "vitest/config";

/** Against a deployed cloud, in a real browser: `E2E` tells where, and who may sign in (tests/e2e/test_web.py). */
export default defineConfig({
  test: {
    include: ["e2e/**/*.test.ts"],
    // Generous: every wait in them is for a condition, and a machine in CI may be several times slower.
    testTimeout: 400_000,
    hookTimeout: 400_000,
    // One cloud, one browser: files run one after the other.
    fileParallelism: false,
  },
});
