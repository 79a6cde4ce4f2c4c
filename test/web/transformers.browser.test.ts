/** A model that was trained in a page is used by transformers.js in the same page, without having been anywhere else. */
import { createRequire } from 'node:module';
import { basename, dirname } from 'node:path';
import { build } from 'esbuild';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeProject, type Project } from '../node/commands/project.ts';
import { samplesOf } from '../worker/request.ts';
import { bundleScripts, launch, runtimeAssets, type Site, serveFolders } from './browser.ts';

const require = createRequire(import.meta.url);

let project: Project;
let scripts: Awaited<ReturnType<typeof bundleScripts>>;
let site: Site;
beforeAll(async () => {
  project = await makeProject();
  scripts = await bundleScripts();
  await build({
    stdin: {
      contents: `export { env, pipeline } from '@huggingface/transformers';`,
      resolveDir: '.',
    },
    outfile: `${scripts.folder}/transformers.js`,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    logLevel: 'error',
  });
  // It brings an ONNX Runtime of its own, whose files are not those of another version.
  const transformers = createRequire(require.resolve('@huggingface/transformers'));
  const own = dirname(transformers.resolve('onnxruntime-web'));
  site = await serveFolders({ scripts: scripts.folder, ort: runtimeAssets(), own, project: project.folder }, true);
});
afterAll(async () => {
  await site?.close();
  scripts?.remove();
  project?.remove();
});

test('transformers.js classifies as the training does', async () => {
  const samples = await samplesOf(project);
  const request = {
    model: `project/${basename(project.model)}/model.onnx`,
    samples: samples.map(({ image, label }) => ({
      address: `project/${image!.slice(project.folder.length + 1)}`,
      label,
    })),
  };
  const browser = await launch();
  const page = await browser.newPage();
  const requested: string[] = [];
  page.on('request', (request) => requested.push(request.url()));
  await page.goto(site.address);
  const content = `import * as transformers from '/scripts/transformers.js'; globalThis.transformers = transformers;`;
  await page.addScriptTag({ type: 'module', content });
  await page.waitForFunction(() => 'thaw' in globalThis && 'transformers' in globalThis);
  const { zip, answers } = await page.evaluate(async ({ model, samples }) => {
    // biome-ignore lint/suspicious/noExplicitAny: the page's scripts put them there
    const { thaw, transformers } = globalThis as any;
    const labelled = await Promise.all(
      samples.map(async ({ address, label }) => ({ image: await (await fetch(address)).blob(), label })),
    );
    const client = thaw.startWorker({ assets: new URL('/ort', location.href).href });
    const settings = { device: 'cpu', epochs: 3, batch: 6, lr: 0.02, augment: 'none' };
    const training = await client.open({ model, samples: labelled, settings });
    await training.train();
    const { files } = await training.finish();

    const { env, pipeline } = transformers;
    env.fetch = thaw.modelFetch(files, '/models/trained');
    env.allowLocalModels = true;
    env.allowRemoteModels = false;
    env.localModelPath = '/models/';
    env.useBrowserCache = false;
    env.backends.onnx.wasm.wasmPaths = new URL('/own/', location.href).href;
    const classify = await pipeline('image-classification', 'trained', { device: 'wasm' });
    const answers = [];
    for (const { image, label } of labelled) {
      const [own] = await training.predict([image]);
      answers.push({ label, own, theirs: await classify(image, { top_k: 3 }) });
    }
    await classify.dispose();
    client.terminate();
    const zip = new Uint8Array(await (await thaw.folderAsZip(files)).arrayBuffer());
    return { zip: [...zip], answers };
  }, request);
  await browser.close();

  expect(requested.filter((url) => !url.startsWith(site.address) && !url.startsWith('blob:'))).toEqual([]);
  expect(requested.filter((url) => url.includes('/models/'))).toEqual([]);
  expect(answers).toHaveLength(36);
  for (const { own, theirs } of answers) {
    expect(theirs).toHaveLength(3);
    for (const { label, score } of theirs) expect(Math.abs(score - own.probabilities[label])).toBeLessThan(1e-4);
  }
  const right = answers.filter(({ label, theirs }) => theirs[0].label === label).length;
  expect(right).toBeGreaterThan(0.8 * answers.length);
  // The zip has the folder.
  expect(Object.keys(unzipSync(Uint8Array.from(zip))).sort()).toEqual([
    'model/README.md',
    'model/config.json',
    'model/onnx/model.onnx',
    'model/preprocessor_config.json',
  ]);
});
