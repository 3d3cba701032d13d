/** What may be added, decided before anything is sent; the server decides again by content. */

export const MAX_BYTES = 50 * 2 ** 20;

// Browsers leave `type` empty for formats they do not know themselves, HEIC before all.
const TYPES: Record<string, string> = {
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  png: "image/png",
  webp: "image/webp",
  gif: "image/gif",
  heic: "image/heic",
  heif: "image/heif",
  avif: "image/avif",
  tif: "image/tiff",
  tiff: "image/tiff",
  bmp: "image/bmp",
};
const ACCEPTED = new Set(Object.values(TYPES));

/** For `<input accept>`: types for those who go by them, endings for those who do not. */
export const ACCEPT = [...ACCEPTED, ...Object.keys(TYPES).map((ending) => `.${ending}`)].join(",");

/** The media type of a picture by its type or, failing that, its ending; null for everything else. */
export function mediaType(file: { name: string; type: string }): string | null {
  if (ACCEPTED.has(file.type)) return file.type;
  const ending = file.name.split(".").pop()?.toLowerCase() ?? "";
  return TYPES[ending] ?? null;
}

/** SHA-256 in lower-case hex. */
export async function sha256(file: Blob): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
