// Builds dist/, or the folder that is named: the generated protobuf module, TypeScript's output, what tsc leaves behind, browser/ for pages without a bundler, and the
// studio.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { PROTOCOLS } from './generate-protobuf.js';

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
chmodSync(join(out, 'cli/main.js'), 0o755);
// Sandboxed preload scripts are CommonJS of one file.
await build({
  entryPoints: ['src/electron/preload.ts'],
  outfile: join(out, 'electron/preload.cjs'),
  bundle: true,
  format: 'cjs',
  platform: 'browser',
  external: ['electron'],
  target: 'es2022',
  logLevel: 'warning',
});
// Two scripts that need nothing but ONNX Runtime's assets: what a page imports, and its worker.
await build({
  entryPoints: { thaw: join(out, 'web/index.js'), worker: join(out, 'web/worker.js') },
  outdir: join(out, 'browser'),
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  chunkNames: 'chunk-[hash]',
  logLevel: 'warning',
});
const studio = spawnSync(
  process.execPath,
  ['--import', 'tsx', 'scripts/studio/studio.ts', '--build', join(out, 'studio')],
  {
    stdio: 'inherit',
  },
);
if (studio.status !== 0) process.exit(studio.status ?? 1);
