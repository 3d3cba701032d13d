/**
 * Hands over the pictures that another app shared with this one: the service worker laid them down. Each stays until
 * `add` has kept them, so that none is lost.
 */
export async function takeShared(add: (files: File[]) => Promise<void>): Promise<void> {
  if (!("caches" in globalThis)) return;
  const cache = await caches.open(SHARED_CACHE);
  const requests = await cache.keys();
  const files: File[] = [];
  for (const request of requests) {
    const blob = await (await cache.match(request))?.blob();
    const name = new URL(request.url).searchParams.get("name") ?? "shared";
    if (blob) files.push(new File([blob], name, { type: blob.type }));
  }
  if (files.length > 0) await add(files);
  for (const request of requests) await cache.delete(request);
}

/** How many wait for somebody to sign in. */
export async function countShared(): Promise<number> {
  if (!("caches" in globalThis)) return 0;
  return (await (await caches.open(SHARED_CACHE)).keys()).length;
}
