import path from "node:path";

/** What tests/e2e/test_web.py and tests/benchmarks/web.py hand over. */
interface Setting {
  url: string;
  /** The API past CloudFront: for Node, to which no name under `localhost` is known. */
  api: string;
  samples: string;
  /** A HEIC photograph, which browsers do not show. */
  heic: string;
  /** Where pictures of the main pages go, and those of pages whose test failed. */
  screens: string;
  failures: string;
  chromium: string;
  cognito: { url: string; region: string; pool: string; client: string };
}

export const setting = JSON.parse(process.env["E2E"] ?? "{}") as Setting;

export const sample = (name: string): string => path.join(setting.samples, name);

/** A machine in CI may be several times slower than the one these tests were written on. */
export const PATIENCE_MS = Number(process.env["E2E_PATIENCE_MS"] ?? 150_000);
