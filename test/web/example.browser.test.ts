// The example of a page, bundled as an application bundles it.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { makeProject } from '../node/commands/project.ts';
import { launch, runtimeAssets, serveFolders } from './browser.ts';

const PAGE = `<!doctype html><meta charset="utf-8"><input type="file" multiple><pre></pre>
<script type="module" src="/scripts/page.js"></script>`;

test('examples/page.ts trains on the chosen images', async () => {
  expect(existsSync('dist/web/index.js'), 'npm run build comes first').toBe(true);
  const folder = mkdtempSync(join(tmpdir(), 'thaw-example-'));
  const project = await makeProject();
  const browser = await launch();
  try {
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(resolve('.'), join(folder, 'node_modules', 'thaw'), 'junction');
    const out = join(folder, 'out');
    copyFileSync('examples/page.ts', join(folder, 'page.ts'));
    const entryPoints = { page: './page.ts', worker: 'thaw/web/worker' };
    await build({
      absWorkingDir: folder,
      entryPoints,
      outdir: out,
      bundle: true,
      format: 'esm',
      logLevel: 'error',
    });
    const model = (file: string) => readFile(join('artifacts/default', file));
    const site = await serveFolders({ scripts: out, ort: runtimeAssets() }, true, undefined, {
      '': (_, response) => void response.writeHead(200, { 'Content-Type': 'text/html' }).end(PAGE),
      async model({ url = '' }, response) {
        const contents = await model(url.replace('/model/', '')).catch(() => undefined);
        response.writeHead(contents ? 200 : 404).end(contents);
      },
    });
    const page = await browser.newPage();
    await page.goto(site.address);
    const chosen = ['red', 'blue'].flatMap((colour) =>
      [0, 1, 2, 3].map((i) => ({
        name: `${colour}-${i}.png`,
        mimeType: 'image/png',
        buffer: readFileSync(join(project.data, 'train', colour, `${i}.png`)),
      })),
    );
    await page.locator('input').setInputFiles(chosen);
    await page.waitForFunction(() => document.querySelector('pre')!.textContent!.includes('finished'));
    const log = (await page.locator('pre').textContent())!;
    expect(log).toMatch(/epoch 1: accuracy [\d.]+\n[\s\S]*finished: \d+ files of a model/);
    await site.close();
  } finally {
    await browser.close();
    project.remove();
    rmSync(folder, { recursive: true, force: true });
  }
});
