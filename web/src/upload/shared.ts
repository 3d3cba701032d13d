/** Pictures that another app shared with this one: the service worker laid them down, here they are picked up. */
export async function takeShared(): Promise<File[]> {
  if (!("caches" in globalThis)) return [];
  const cache = await caches.open(SHARED_CACHE);
  const files: File[] = [];
  for (const request of await cache.keys()) {
    const response = await cache.match(request);
    if (response) {
      const blob = await response.blob();
      const name = decodeURIComponent(new URL(request.url).searchParams.get("name") ?? "shared");
      files.push(new File([blob], name, { type: blob.type }));
    }
    await cache.delete(request);
  }
  return files;
}
