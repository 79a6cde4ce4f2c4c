/** Builds the studio into dist/studio: the page by Vite, ONNX Runtime's files beside it, and a service worker that knows them all. */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build as bundle } from 'esbuild';
import { build, type Plugin } from 'vite';
import { META_POLICY } from '../../src/content-security.ts';
import { licensesOf } from '../build/licenses.js';
import { packagesOf } from './packages.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const STUDIO = join(ROOT, 'dist', 'studio');
const SOURCES = ['src', 'artifacts/default', 'scripts/studio', 'package-lock.json'];

const require = createRequire(import.meta.url);
const ORT = dirname(require.resolve('onnxruntime-web'));
const ORT_VERSION: string = JSON.parse(readFileSync(join(ORT, '..', 'package.json'), 'utf8')).version;

/** What ONNX Runtime 1.30 loads for WebAssembly, and for WebGPU. */
const ORT_FILES = ['ort-wasm-simd-threaded', 'ort-wasm-simd-threaded.asyncify'].flatMap((name) => [
  `${name}.mjs`,
  `${name}.wasm`,
]);

/** What a command offers: src/studio/served.ts. */
const SERVED = 'served.json';

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => statSync(join(folder, file)).isFile())
    .sort();

/** Without the comment that says so. */
const policyInPage: Plugin = {
  name: 'policy-in-page',
  transformIndexHtml: {
    order: 'pre',
    handler: (html) => html.replace(/ *<!--.*?-->\n/s, '').replace('%POLICY%', META_POLICY),
  },
};

/** Whether a source is newer than what was built of it. */
export function isStale(): boolean {
  const built = statSync(join(STUDIO, 'service-worker.js'), { throwIfNoEntry: false });
  if (!built) return true;
  const newest = (path: string): number => {
    const stats = statSync(path);
    if (!stats.isDirectory()) return stats.mtimeMs;
    return Math.max(...readdirSync(path).map((file) => newest(join(path, file))));
  };
  return SOURCES.some((source) => newest(join(ROOT, source)) > built.mtimeMs);
}

/** @param out the folder, which is emptied */
export async function buildStudio(out: string = STUDIO): Promise<void> {
  const packages = new Set<string>();
  await build({
    root: join(ROOT, 'src', 'studio'),
    configFile: false,
    base: './',
    logLevel: 'warn',
    define: { __ORT_VERSION__: JSON.stringify(ORT_VERSION) },
    resolve: {
      // ONNX Runtime then loads its WebAssembly from where it is told, and Vite copies none of it.
      conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'production'],
    },
    plugins: [packagesOf(packages), policyInPage],
    worker: { format: 'es', plugins: () => [packagesOf(packages)] },
    build: {
      outDir: out,
      emptyOutDir: true,
      target: 'es2022',
      // The page's content security policy lets it load files, not addresses with data in them.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      chunkSizeWarningLimit: 1500,
    },
  });
  // `thaw studio` has another one.
  writeFileSync(join(out, SERVED), '{}\n');
  writeFileSync(join(out, 'licenses.md'), licensesOf('the studio', packages));
  const runtime = join(out, `ort-${ORT_VERSION}`);
  mkdirSync(runtime, { recursive: true });
  for (const file of ORT_FILES) cpSync(join(ORT, file), join(runtime, file));
  await buildServiceWorker(out);
}

async function buildServiceWorker(out: string): Promise<void> {
  const files = filesBelow(out).filter(
    (file) => !['service-worker.js', SERVED].includes(file) && !file.endsWith('.md'),
  );
  const hash = createHash('sha256');
  for (const file of files) hash.update(file).update(readFileSync(join(out, file)));
  const paths = files.map((file) => (file === 'index.html' ? './' : file));
  await bundle({
    entryPoints: [join(ROOT, 'src', 'studio', 'service-worker.ts')],
    outfile: join(out, 'service-worker.js'),
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2022',
    logLevel: 'warning',
    define: { __FILES__: JSON.stringify(paths), __VERSION__: JSON.stringify(hash.digest('hex').slice(0, 16)) },
  });
}
