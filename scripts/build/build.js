// Builds dist/, or the folder that is named: TypeScript's output with the generated protobuf modules, of which pages' bundlers take the modules and all take the types; node/,
// what Node loads; web/worker.js, one file; browser/ for pages without a bundler; and the studio.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { build } from 'esbuild';
import { bundleNode } from './bundle-node.js';
import { PROTOCOLS } from './generate-protobuf.js';
import { licensesOf, packageFolder } from './licenses.js';

const typescript = createRequire(import.meta.url).resolve('typescript/package.json');

const [out = 'dist'] = process.argv.slice(2);
rmSync(out, { recursive: true, force: true });
const { status } = spawnSync(
  process.execPath,
  [join(dirname(typescript), 'bin/tsc'), '-p', 'tsconfig.build.json', '--outDir', out],
  {
    stdio: 'inherit',
  },
);
if (status !== 0) process.exit(status ?? 1);
// The modules' types are a .d.ts beside each, which tsc takes for already built.
for (const name of PROTOCOLS) {
  const folder = join(dirname(name), 'generated');
  cpSync(join('src', folder), join(out, folder), { recursive: true });
}
// The worker of `thaw/web`. Dev servers of bundlers do not prepare what a worker in node_modules imports, such as CommonJS. The page's bundler
// has to find ONNX Runtime, with its WebAssembly.
const worker = await build({
  entryPoints: ['src/web/worker.ts'],
  outfile: join(out, 'web/worker.js'),
  allowOverwrite: true,
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  external: ['onnxruntime-web'],
  metafile: true,
  logLevel: 'warning',
});
writeLicenses('web', worker);
await removeWhatOnlyNodeLoads();
await bundleNode(join(out, 'node'));
chmodSync(join(out, 'node/main.js'), 0o755);
// Sandboxed preload scripts are CommonJS of one file.
await build({
  entryPoints: ['src/electron/preload.ts'],
  outfile: join(out, 'node/preload.cjs'),
  bundle: true,
  format: 'cjs',
  platform: 'browser',
  external: ['electron'],
  target: 'es2022',
  logLevel: 'warning',
});
// It exports nothing: what it gives to the page has its types in the client.
writeFileSync(join(out, 'node/preload.d.cts'), 'export {};\n');
// Two scripts that need nothing but ONNX Runtime's assets: what a page imports, and its worker.
const browser = await build({
  entryPoints: { thaw: 'src/web/index.ts', worker: 'src/web/worker.ts' },
  outdir: join(out, 'browser'),
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  chunkNames: 'chunk-[hash]',
  metafile: true,
  logLevel: 'warning',
});
writeLicenses('browser', browser);
const studio = spawnSync(
  process.execPath,
  ['--import', 'tsx', 'scripts/studio/studio.ts', '--build', join(out, 'studio')],
  {
    stdio: 'inherit',
  },
);
if (studio.status !== 0) process.exit(studio.status ?? 1);

/**
 * Writes the licences of the packages in a bundle next to it.
 * @param {string} folder
 * @param {{ metafile: import('esbuild').Metafile }} bundle
 */
function writeLicenses(folder, { metafile }) {
  const bundled = Object.values(metafile.outputs)
    .flatMap(({ inputs }) => Object.keys(inputs))
    .flatMap((file) => packageFolder(file) ?? []);
  writeFileSync(join(out, folder, 'licenses.md'), licensesOf('these scripts', bundled));
}

/** Modules that no page can reach are in node/ already; their types stay. */
async function removeWhatOnlyNodeLoads() {
  const { metafile } = await build({
    entryPoints: ['core', 'web/index', 'web/compiler', 'web/worker', 'electron/client'].map((name) =>
      join(out, `${name}.js`),
    ),
    outdir: out,
    bundle: true,
    format: 'esm',
    packages: 'external',
    metafile: true,
    write: false,
  });
  const reached = new Set(Object.keys(metafile.inputs).map((file) => resolve(file)));
  for (const file of readdirSync(out, { recursive: true, encoding: 'utf8' }).map((name) => resolve(out, name)))
    if (file.endsWith('.js') && !reached.has(file)) rmSync(file);
}
