// What Node loads, in few files: it opens, resolves and compiles each module by itself, half a millisecond for every one of hundreds. The command line and the library
// share what they have in common, so that a process that has both (a config file that imports thaw) has one of each class. Each entry, and each command,
// loads only what it needs. Packages are loaded from where they are installed.
import { build } from 'esbuild';

/** By their names in the folder, beside which `import.meta.url` finds them: `new URL('./thread.js', import.meta.url)`. */
const ENTRIES = {
  main: 'src/cli/main.ts',
  orphan: 'src/cli/orphan.js',
  index: 'src/index.ts',
  core: 'src/core.ts',
  compiler: 'src/node/library/compiler.ts',
  thread: 'src/worker/node/thread.ts',
  'heic-thread': 'src/data/node/heic-thread.js',
  probe: 'src/runtime/node/probe.js',
  'wasm-module': 'src/runtime/node/wasm-module.js',
  electron: 'src/electron/index.ts',
  host: 'src/electron/host.ts',
};

/** @param {string} outdir two levels below the package's root, where `import.meta.url` of the sources finds its other folders: `../../artifacts` */
export async function bundleNode(outdir) {
  await build({
    entryPoints: ENTRIES,
    outdir,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    chunkNames: '[name]-[hash]',
    // For the stack traces of --debug.
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'warning',
  });
}
