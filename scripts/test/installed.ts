/** A project that has the package installed, for bundlers: below our `node_modules`, where they find the rest. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** The parts of `dist` that are for Node, and for the studio. */
const NOT_FOR_PAGES = ['dist/node', 'dist/studio'].map((folder) => resolve(folder));

/** The files of onnxruntime-web that a bundler takes. */
const FOR_BUNDLERS =
  /[\\/](package\.json|ort\.(wasm|webgpu)\.bundle\.min\.mjs|ort-wasm-simd-threaded(\.asyncify)?\.(mjs|wasm))$/;

export interface InstalledProject {
  readonly folder: string;
  /** Writes a file. */
  write(file: string, contents: string): void;
  remove(): void;
}

/** Bundlers treat links to our checkout in another way than installed packages, so it has copies. */
export function installedProject(): InstalledProject {
  if (!existsSync('dist/web/worker.js')) throw new Error('npm run build comes first');
  mkdirSync('.cache', { recursive: true });
  const folder = resolve(mkdtempSync('.cache/page-'));
  const installed = (name: string) => join(folder, 'node_modules', name);
  cpSync('package.json', join(installed('thaw'), 'package.json'));
  cpSync('dist', join(installed('thaw'), 'dist'), {
    recursive: true,
    filter: (file) => !NOT_FOR_PAGES.includes(resolve(file)),
  });
  const runtime = resolve('node_modules/onnxruntime-web');
  cpSync(runtime, installed('onnxruntime-web'), {
    recursive: true,
    filter: (file) => [runtime, join(runtime, 'dist')].includes(file) || FOR_BUNDLERS.test(file),
  });
  cpSync('artifacts/default', join(folder, 'public/model'), { recursive: true });
  const write = (file: string, contents: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), contents);
  };
  write('package.json', JSON.stringify({ name: 'pets', private: true, type: 'module' }));
  return { folder, write, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
