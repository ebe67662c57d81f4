import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The bundle is committed in the package. Files under assets/ carry a hash: the server lets browsers keep them for good.
export default defineConfig({
  plugins: [react()],
  base: "/",
  build: {
    outDir: "../src/madang/_ui",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    rollupOptions: {
      output: {
        entryFileNames: "assets/[name]-[hash].js",
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
  // `npm run dev` shows the data of a `madang ui` on this port.
  server: { proxy: { "/api": "http://127.0.0.1:8080" } },
});
