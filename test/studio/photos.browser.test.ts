// Photographs in the built studio: the photo model from a stand-in of the hub, the model of the command, projects, and everything deleted.
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync, zipSync } from 'fflate';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildStudio } from '../../scripts/studio/build.ts';
import { recommendedModel } from '../../src/catalogue.ts';
import { type Serving, serve } from '../../src/node/commands/serving.ts';
import { filesOf, offeredModel } from '../../src/node/commands/studio.ts';
import { launch } from '../web/browser.ts';
import { violations } from './violations.ts';

let folder: string;
let serving: Serving;
let browser: Browser;
let photographs: {
  readonly name: string;
  readonly files: readonly { name: string; mimeType: string; buffer: Buffer }[];
}[];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'thaw-studio-'));
  await buildStudio(folder);
  serving = await serve(folder, 0);
  browser = await launch();
  photographs = await Promise.all(['red', 'blue'].map(async (name) => ({ name, files: await jpegs(name) })));
});
afterAll(async () => {
  await browser?.close();
  await serving?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

/** Noise in a colour, as a camera's files. */
const jpegs = (colour: string) =>
  Promise.all(
    Array.from({ length: 10 }, async (_, i) => {
      const create = { width: 90, height: 70, channels: 3, background: 'black' } as const;
      const noise = sharp({ create: { ...create, noise: { type: 'gaussian', mean: 90 + 10 * i, sigma: 30 } } });
      const buffer = await noise.tint(colour).jpeg().toBuffer();
      return { name: `${colour}-${i}.jpg`, mimeType: 'image/jpeg', buffer };
    }),
  );

const hub = 'https://huggingface.co';
const repository = recommendedModel('photos').address.slice('hf:'.length);
const file = (path: string) => readFileSync(join('artifacts/default', path));

/** Answers for the hub with the embedded model's files, as the hub does. @returns the addresses that were asked for */
async function standIn(context: BrowserContext, oid?: string): Promise<string[]> {
  const asked: string[] = [];
  const model = file('onnx/model.onnx');
  const git = (contents: Buffer) =>
    createHash('sha1').update(`blob ${contents.length}\0`).update(contents).digest('hex');
  const listing = [
    { type: 'directory', path: 'onnx', size: 0, oid: '0' },
    ...['config.json', 'preprocessor_config.json'].map((path) => ({
      ...{ type: 'file', path, size: file(path).length, oid: git(file(path)) },
    })),
    {
      ...{ type: 'file', path: 'onnx/model.onnx', size: model.length, oid: 'a'.repeat(40) },
      lfs: { oid: oid ?? createHash('sha256').update(model).digest('hex'), size: model.length, pointerSize: 130 },
    },
  ];
  const headers = { 'Access-Control-Allow-Origin': '*' };
  await context.route(`${hub}/**`, async (route) => {
    const { pathname } = new URL(route.request().url());
    asked.push(pathname);
    if (pathname === `/api/models/${repository}/tree/main`) return route.fulfill({ headers, json: listing });
    const path = pathname.split(`/${repository}/resolve/main/`)[1];
    return path ? route.fulfill({ headers, body: file(path) }) : route.fulfill({ status: 404, headers });
  });
  return asked;
}

async function open(context: BrowserContext, address = serving.address): Promise<Page> {
  const page = await context.newPage();
  await page.goto(address);
  await page.waitForSelector('#images');
  return page;
}

async function addPhotographs(page: Page): Promise<void> {
  for (const [i, { name, files }] of photographs.entries()) {
    const card = page.locator('.class').nth(i);
    await card.locator('.name').fill(name);
    await card.locator('input[type=file]').setInputFiles([...files]);
    await card.locator('.thumbnails').waitFor();
  }
}

async function train(page: Page, rounds: number): Promise<void> {
  await page.locator('.settings summary').click();
  await page.getByLabel('Rounds').fill(String(rounds));
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.waitForSelector('#download');
}

const focused = (page: Page) =>
  page.evaluate(() => document.activeElement!.getAttribute('aria-label') ?? document.activeElement!.textContent);

test('the photo model comes after a yes, is checked, trains, and stays for a visit without a network', async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const asked = await standIn(context);
  const page = await open(context);
  await page.getByRole('button', { name: 'Photos', exact: true }).click();
  const dialog = page.getByRole('dialog');
  for (const text of ['15.1 MB', `huggingface.co/${repository}`, 'Apache-2.0'])
    expect(await dialog.textContent()).toContain(text);
  expect(await violations(page)).toEqual([]);
  expect(asked).toEqual([]);
  await page.getByRole('button', { name: /^Download 15/ }).click();
  await dialog.waitFor({ state: 'detached' });
  expect(asked).toContain(`/${repository}/resolve/main/onnx/model.onnx`);
  expect(await focused(page)).toBe('Classes');
  await page.locator('.models').getByText('On this device.').waitFor();
  await addPhotographs(page);
  await train(page, 3);
  expect(await focused(page)).toBe('Training');
  expect(await page.textContent('.score')).toMatch(/\d of the 4 images .* expect \d+% to \d+% \(95% interval\)/);

  const [report] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save the report' }).click(),
  ]);
  const html = readFileSync(await report.path(), 'utf8');
  expect(html).toContain('on My project</h1>');
  expect(html).toContain(`hf:${repository}`);

  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await page.close();
  await context.unroute(`${hub}/**`);
  await context.setOffline(true);
  const again = await open(context);
  await again.waitForSelector('#download');
  await again.getByRole('button', { name: /^Projects/ }).click();
  await again.getByRole('button', { name: 'New project' }).click();
  await again.getByText('My project 2').first().waitFor();
  await again.getByRole('button', { name: 'Close' }).click();
  await again.getByRole('button', { name: 'Photos', exact: true }).click();
  expect(await again.getByRole('dialog').count()).toBe(0);
  await again.locator('.models').getByText('On this device.').waitFor();
  await context.close();
});

test('a model with another checksum is not used', async () => {
  const context = await browser.newContext();
  await standIn(context, '0'.repeat(64));
  const page = await open(context);
  await page.getByRole('button', { name: 'Photos', exact: true }).click();
  await page.getByRole('button', { name: /^Download 15/ }).click();
  await page.getByText('has another checksum than announced, so it is not used').waitFor();
  await page.getByRole('button', { name: 'Close', exact: true }).click();
  await page.locator('.models').getByText('15.1 MB to download once').waitFor();
  await context.close();
});

test('without a network the page reports it, and offers a file and the drawings model', async () => {
  const context = await browser.newContext({ viewport: { width: 390, height: 800 }, colorScheme: 'dark' });
  await context.route(`${hub}/**`, (route) => route.abort('internetdisconnected'));
  const page = await open(context);
  await addPhotographs(page);
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.getByRole('button', { name: /^Download 15/ }).click();
  await page.getByText('There is no connection to huggingface.co.').waitFor();
  expect(await violations(page)).toEqual([]);
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    page.getByRole('button', { name: 'Choose a model file instead' }).click(),
  ]);
  await chooser.setFiles(
    ['config.json', 'preprocessor_config.json', 'onnx/model.onnx'].map((path) => join('artifacts/default', path)),
  );
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  expect(await page.getByRole('radio', { name: /^model\.onnx/ }).isChecked()).toBe(true);
  await page.getByRole('radio', { name: /^Drawings/ }).check({ force: true });
  await page.getByText('Now 20 rounds instead of 10').waitFor();
  // The file is not forgotten, and asked for no more.
  await page.getByRole('radio', { name: /^model\.onnx/ }).check({ force: true });
  await page.getByText('Now 10 rounds instead of 20').waitFor();
  await context.close();
});

test('the model of the command is there at once, for the page and its training', async () => {
  const files = filesOf(await offeredModel('default', {}));
  const command = await serve(folder, 0, { files });
  const context = await browser.newContext();
  const page = await open(context, command.address);
  const radio = page.getByRole('radio', { name: /^default/ });
  await radio.waitFor({ state: 'attached' });
  expect(await radio.isChecked()).toBe(true);
  await addPhotographs(page);
  await train(page, 1);
  await context.close();
  await command.close();
});

test('a project is saved, loaded in another browser, and everything is deleted', async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await open(context);
  await page.getByRole('button', { name: 'Drawings', exact: true }).click();
  await addPhotographs(page);
  await page.getByRole('button', { name: /^Projects/ }).click();
  await page.getByLabel('Name of this project').fill('colours');
  const [saved] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save as a file' }).click(),
  ]);
  expect(saved.suggestedFilename()).toBe('colours.thaw.zip');
  const path = join(folder, 'colours.thaw.zip');
  await saved.saveAs(path);
  // A folder for each class, as `thaw train` reads it.
  const images = Object.keys(unzipSync(readFileSync(path))).filter((name) =>
    /^images\/(red|blue)\/\d+\.jpg$/.test(name),
  );
  expect(images).toHaveLength(20);

  const other = await browser.newContext();
  const elsewhere = await open(other);
  await elsewhere.getByRole('button', { name: /^Projects/ }).click();
  await elsewhere.locator('dialog input[type=file]').setInputFiles(path);
  await elsewhere.getByRole('button', { name: 'Projects. This is colours' }).waitFor({ state: 'attached' });
  await elsewhere.getByText('open, 20 images').waitFor();
  expect(await violations(elsewhere)).toEqual([]);
  expect(await elsewhere.locator('.class .count').allTextContents()).toEqual(['10', '10']);
  expect(await elsewhere.locator('.class .name').first().inputValue()).toBe('red');
  await elsewhere
    .locator('dialog input[type=file]')
    .setInputFiles({ name: 'x.zip', mimeType: 'application/zip', buffer: Buffer.from('x') });
  await elsewhere.getByText('This file is not a project').waitFor();

  elsewhere.on('dialog', (question) => question.accept());
  await elsewhere.getByRole('button', { name: 'Delete everything' }).click();
  await elsewhere.getByText('open, 0 images').waitFor();
  await elsewhere.waitForFunction(async () => (await caches.keys()).length === 0);
  const kept = await elsewhere.evaluate(async () => {
    const names: string[] = [];
    const root = await navigator.storage.getDirectory();
    // biome-ignore lint/suspicious/noExplicitAny: TypeScript knows no keys of a folder
    for await (const folder of (root as any).keys()) names.push(folder);
    return names;
  });
  expect(kept.length).toBeLessThanOrEqual(1);
  await elsewhere.reload();
  await elsewhere.getByText('What do you want to tell apart?').waitFor();
  await other.close();
  await context.close();
});

test('what is removed comes back, and the focus stays near', async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await open(context);
  await page.getByRole('button', { name: 'Try it with drawings' }).click();
  await page.waitForSelector('.thumbnails');
  expect(await focused(page)).toBe('Classes');
  const names = () =>
    page.locator('.class .name').evaluateAll((inputs) => inputs.map((input) => (input as HTMLInputElement).value));
  const before = await names();
  await page.getByRole('button', { name: 'Remove class star' }).click();
  await page.getByText('Removed “star” and its 14 images.').waitFor();
  expect(await focused(page)).toBe('Remove class heart');
  await page.keyboard.press('Control+z');
  await expect.poll(names).toEqual(before);
  await expect.poll(() => focused(page)).toBe('Remove class star');
  await page.getByRole('button', { name: 'Remove image 3 of heart' }).focus();
  await page.keyboard.press('Enter');
  await expect.poll(() => focused(page)).toBe('Remove image 3 of heart');
  await page.getByRole('button', { name: 'Undo', exact: true }).click();
  expect(await page.locator('.class').nth(2).locator('.count').textContent()).toBe('14');
  await context.close();
});

/** A project of many classes, with three images each. */
async function manyClasses(classes: number): Promise<Buffer> {
  const files: Record<string, Uint8Array> = {};
  const listed = Array.from({ length: classes }, async (_, i) => {
    const images = [0, 1, 2].map((image) => `images/${i}/${image}.png`);
    const background = { r: (37 * i) % 256, g: (91 * i) % 256, b: (11 * i) % 256 };
    const png = await sharp({ create: { width: 20, height: 20, channels: 3, background } })
      .png()
      .toBuffer();
    for (const image of images) files[image] = png;
    return { name: `kind ${i + 1}`, images };
  });
  const project = {
    ...{ format: 'thaw studio project', version: 1, name: 'many', kind: 'drawings' },
    settings: { epochs: 1, preset: 'head-only' },
    classes: await Promise.all(listed),
  };
  files['project.json'] = new TextEncoder().encode(JSON.stringify(project));
  return Buffer.from(zipSync(files, { level: 0 }));
}

test('many classes are shown in part, and found by their names', async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await open(context);
  const load = async (classes: number) => {
    await page.getByRole('button', { name: /^Projects/ }).click();
    const buffer = await manyClasses(classes);
    const file = { name: 'many.thaw.zip', mimeType: 'application/zip', buffer };
    await page.locator('dialog input[type=file]').setInputFiles(file);
    await page.getByText(`open, ${new Intl.NumberFormat('en-GB').format(3 * classes)} images`).waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
  };
  await load(1000);
  await page.getByText('1 to 24 of 1,000 classes').waitFor();
  expect(await page.evaluate(() => document.querySelectorAll('*').length)).toBeLessThan(2500);
  await page.getByRole('button', { name: 'Next' }).click();
  expect(await page.locator('.class .name').first().inputValue()).toBe('kind 25');
  await page.getByLabel('Find a class').fill('kind 99');
  await page.getByText('1 to 11 of 11 classes').waitFor();
  await page.getByRole('button', { name: 'Remove class kind 990' }).click();
  await page.getByText('1 to 10 of 10 classes').waitFor();
  expect(await page.locator('.bars li').count()).toBe(8);
  await page.getByText('And 991 more classes').waitFor();
  expect(await violations(page)).toEqual([]);

  await load(60);
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.waitForSelector('#download');
  await page.getByText('What is taken for what').click();
  const pairs = page.locator('.pairs li');
  await page.getByLabel('Find a class that is confused').fill('no such class');
  expect(await pairs.count()).toBe(0);
  await page.getByLabel('Find a class that is confused').fill('kind');
  expect(await pairs.count()).toBeGreaterThan(0);
  expect(await pairs.first().textContent()).toMatch(/kind \d+ taken for kind \d+: 1 \(100% of them\)/);
  expect(await violations(page)).toEqual([]);
  await context.close();
});
