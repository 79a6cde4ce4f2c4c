// In Electron on Linux, sharp decodes with WebAssembly: it gives the pixels of native sharp, and the process loads no
// native library.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleNode } from '../../scripts/build/bundle-node.js';
import { fromRgb, gradient } from '../data/images.ts';
import { decoded } from './decoded.ts';

const run = promisify(execFile);
const child = (...args: readonly string[]) => run(process.execPath, [...args], { maxBuffer: 2 ** 24 });

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'thaw-wasm-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('every format, filter and augmentation gives the pixels of native sharp', {
  timeout: 300_000,
}, async () => {
  const [width, height] = [157, 111];
  const noisy = gradient(width, height).map((value, i) => (value + ((i * 2654435761) >>> 27)) & 255);
  const image = sharp(await fromRgb(noisy, width, height).png().toBuffer());
  const files: string[] = [];
  for (const format of ['jpeg', 'png', 'webp', 'avif', 'gif', 'tiff'] as const) {
    files.push(join(folder, `image.${format}`));
    writeFileSync(files.at(-1)!, await image.clone().toFormat(format).toBuffer());
  }
  files.push(join(folder, 'turned.jpg'), join(folder, 'clear.png'), join(folder, 'cmyk.jpg'));
  writeFileSync(files.at(-3)!, await image.clone().withMetadata({ orientation: 6 }).jpeg().toBuffer());
  writeFileSync(files.at(-2)!, await image.clone().ensureAlpha(0.4).png().toBuffer());
  writeFileSync(files.at(-1)!, await image.clone().toColourspace('cmyk').jpeg().toBuffer());
  const { stdout } = await child('--import', 'tsx', 'test/electron/decode.ts', ...files);
  expect(JSON.parse(stdout)).toEqual(await decoded(files));
});

test('without @img/sharp-wasm32, an error gives the install command in one line', async () => {
  const script = `import { useWasmSharp } from './src/electron/wasm-sharp.ts';
    try { useWasmSharp(); } catch (error) { console.log(JSON.stringify([error.code, error.line])); }`;
  const args = [
    '--require',
    './test/electron/hide-wasm.cjs',
    '--import',
    'tsx',
    '--input-type=module',
    '--eval',
    script,
  ];
  const { stdout } = await child(...args);
  const { version } = JSON.parse(readFileSync('node_modules/sharp/package.json', 'utf8'));
  expect(JSON.parse(stdout)).toEqual([
    'device',
    `decoding images in Electron on Linux needs @img/sharp-wasm32, which is not installed. npm install @img/sharp-wasm32@${version}`,
  ]);
});

test('the main process’s bundle and the first bundle of the utility process do not include sharp', {
  timeout: 180_000,
}, async () => {
  const out = join(folder, 'bundle');
  await bundleNode(out);
  const loadedBy = (entry: string) => {
    const files = new Set([entry]);
    const packages = new Set<string>();
    for (const file of files) {
      // Imports on one line, as esbuild writes them, and on several lines.
      for (const [, from] of readFileSync(join(out, file), 'utf8').matchAll(
        /^(?:import|export|\})[^;"]*"([^"]+)";$/gm,
      )) {
        if (from.startsWith('./')) files.add(from.slice(2));
        else packages.add(from);
      }
    }
    return { files, packages };
  };
  expect([...loadedBy('thread.js').packages]).toContain('sharp');
  expect([...loadedBy('host.js').packages]).not.toContain('sharp');
  expect([...loadedBy('electron.js').packages]).not.toContain('sharp');
  expect(loadedBy('host.js').files.size).toBeGreaterThan(1);
  expect(readdirSync(out)).toContain('host.js');
});
