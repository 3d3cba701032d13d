import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  // Known to the page and to the service worker, which must not share a chunk with it.
  define: { SHARED_CACHE: JSON.stringify("shared-files") },
  build: {
    outDir: "../build/web",
    emptyOutDir: true,
    // The content security policy allows no data: scripts and no inline code.
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { main: "index.html", "service-worker": "src/service-worker.ts" },
      output: {
        // A service worker keeps its address; everything else carries a hash of its content.
        entryFileNames: (chunk) => (chunk.name === "service-worker" ? "[name].js" : "assets/[name]-[hash].js"),
      },
    },
  },
  test: { environment: "happy-dom", include: ["src/**/*.test.{ts,tsx}"] },
});
