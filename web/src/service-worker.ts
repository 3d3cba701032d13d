declare const self: ServiceWorkerGlobalScope;

// The page itself works offline; pictures and answers never go into a cache that outlives a session.
const SHELL_CACHE = "shell-1";
const SHELL = ["/", "/mark.svg", "/welcome.svg"];

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(SHELL_CACHE)
      .then((cache) => cache.addAll(SHELL))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(dropOldShells().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.origin !== location.origin) return;
  if (url.pathname.startsWith("/api/")) {
    // Left alone, a request goes on in its page, and one that is to outlive the page would end with it.
    if (event.request.keepalive) event.respondWith(fetch(event.request));
    return;
  }
  if (event.request.method === "POST" && url.pathname === "/share") event.respondWith(receive(event.request));
  else if (event.request.method !== "GET") return;
  else if (event.request.mode === "navigate") event.respondWith(networkFirst(event.request, "/"));
  else if (url.pathname === "/config.json") event.respondWith(networkFirst(event.request, "/config.json"));
  else if (url.pathname.startsWith("/assets/") || SHELL.includes(url.pathname))
    event.respondWith(cacheFirst(event.request));
});

async function dropOldShells(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(
    names.filter((name) => name.startsWith("shell-") && name !== SHELL_CACHE).map((name) => caches.delete(name)),
  );
}

/** The newest page when there is a network, the last one seen when there is none. */
async function networkFirst(request: Request, key: string): Promise<Response> {
  const cache = await caches.open(SHELL_CACHE);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(key, response.clone());
    return response;
  } catch (error) {
    const known = await cache.match(key);
    if (known) return known;
    throw error;
  }
}

/** Names under /assets/ carry a hash of their content. */
async function cacheFirst(request: Request): Promise<Response> {
  const cache = await caches.open(SHELL_CACHE);
  const known = await cache.match(request);
  if (known) return known;
  const response = await fetch(request);
  if (response.ok) await cache.put(request, response.clone());
  return response;
}

/** The share target: files from another app wait here until the page, and a user, take them. */
async function receive(request: Request): Promise<Response> {
  const cache = await caches.open(SHARED_CACHE);
  const files = (await request.formData()).getAll("files").filter((entry): entry is File => entry instanceof File);
  for (const [place, file] of files.entries()) {
    const key = `/shared/${Date.now()}-${place}?name=${encodeURIComponent(file.name)}`;
    await cache.put(key, new Response(file, { headers: { "Content-Type": file.type } }));
  }
  return Response.redirect("/", 303);
}

export {};
