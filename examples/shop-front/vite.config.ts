import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Relative addresses: what is built stands in any folder of any static host.
export default defineConfig({ base: "./", plugins: [react()] });
