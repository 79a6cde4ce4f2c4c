/**
 * Builds a page that calls `startWorker` with Vite, compresses its files, and writes the table in docs/sizes.md. After `npm run build`:
 * `npx tsx scripts/build/page-sizes.ts`. It takes a minute or two.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build } from 'vite';
import { installedProject } from '../test/installed.ts';

const DOCUMENT = 'docs/sizes.md';

const PAGE = `import { startWorker } from 'thaw/web';
startWorker().listen(console.log);
`;

/** The files of Vite's build, by their names. */
const FILES: readonly (readonly [what: string, name: RegExp])[] = [
  ["the page's own script", /^index-.*\.js$/],
  ["the worker: Thaw, and ONNX Runtime's JavaScript", /^worker-.*\.js$/],
  ["ONNX Runtime's WebAssembly, on the processor", /^ort-wasm-simd-threaded-.*\.wasm$/],
  ["ONNX Runtime's WebAssembly, with WebGPU", /^ort-wasm-simd-threaded\.asyncify-.*\.wasm$/],
];

interface PageFile {
  readonly what: string;
  readonly path: string;
  readonly bytes: number;
}

/** The files that a page loads, in the order of the table. @param out of Vite's build */
export function pageFiles(out: string): readonly PageFile[] {
  const names = readdirSync(join(out, 'assets'));
  return FILES.map(([what, pattern]) => {
    const path = join(out, 'assets', names.find((name) => pattern.test(name))!);
    return { what, path, bytes: readFileSync(path).length };
  });
}

/** Megabytes of each file that the document states. */
export const statedSizes = (document: string): ReadonlyMap<string, number> =>
  new Map(
    [...document.matchAll(/^\| (.+?) \| ([\d.]+) \| [\d.]+ \| [\d.]+ \|$/gm)].map(([, what, mb]) => [what!, +mb!]),
  );

async function writeTable(): Promise<void> {
  const project = installedProject();
  try {
    project.write('index.html', '<!doctype html><script type="module" src="/main.js"></script>');
    project.write('main.js', PAGE);
    const out = join(project.folder, 'out');
    await build({ root: project.folder, configFile: false, logLevel: 'error', build: { outDir: out } });
    const rows = pageFiles(out).map(({ what, path, bytes }) => {
      const contents = readFileSync(path);
      const sizes = [bytes, gzipSync(contents, { level: 9 }).length, brotliCompressSync(contents).length];
      return `| ${[what, ...sizes.map(megabytes)].join(' | ')} |`;
    });
    const table = /\| file \| MB \|[^\n]*\n(\|[^\n]*\n)+/;
    const heading = '| file | MB | MB with gzip | MB with Brotli |\n| --- | ---: | ---: | ---: |\n';
    writeFileSync(
      DOCUMENT,
      readFileSync(DOCUMENT, 'utf8').replace(table, () => `${heading}${rows.join('\n')}\n`),
    );
  } finally {
    project.remove();
  }
}

const megabytes = (bytes: number): string => String(Number((bytes / 1e6).toPrecision(bytes < 1e7 ? 2 : 3)));

if (argv[1] && resolve(argv[1]) === fileURLToPath(import.meta.url)) await writeTable();
