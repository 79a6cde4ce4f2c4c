/** The page to review findings in a real browser: it is accessible, works by keyboard, and saves what was decided. */
import { readFileSync } from 'node:fs';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cleanedRows, type Decision, FINDING_KINDS, type Finding } from '../../src/cleaning/index.ts';
import { type CleaningReport, csvOf, renderCleaning } from '../../src/report/index.ts';
import { launch } from '../web/browser.ts';

const CLASSES = ['a cat', 'a "dog", or <b>two</b>', '</script>'];
const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** A finding of each kind, and wrong labels. */
function report(count = 20): CleaningReport {
  const files = Array.from({ length: count }, (_, i) => `folder/<i>image</i>, ${i}.png`);
  const kinds = [...FINDING_KINDS, 'wrong-label', 'wrong-label'] as const;
  const findings = kinds.map(
    (kind, i): Finding => ({
      ...{ kind, index: i, why: `because <b>${i}</b>` },
      ...(kind.endsWith('label') && { label: (i + 1) % 3 }),
      ...(i < 2 && { other: i + 5 }),
    }),
  );
  const each = <T>(value: (i: number) => T) => Object.fromEntries(files.map((_, i) => [i, value(i)]));
  return {
    ...{
      data: 'my <images>',
      model: 'default',
      noun: 'image',
      version: '1.0',
      key: 'k',
      classes: CLASSES,
      agreement: 0.5,
    },
    counts: { conflict: 1, 'wrong-label': 3 },
    findings,
    looks: each((i) => (i === 3 ? '' : PIXEL)),
    answers: each((i) => CLASSES[i % 3]!),
    splits: each(() => 'train'),
    table: {
      columns: ['file_name', 'label', 'split'],
      rows: files.map((file, i) => [`/root/${file}`, CLASSES[i % 3]!, 'train']),
      labelColumn: 1,
      files,
    },
  };
}

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser?.close());

async function open(page: Page, given = report()): Promise<string[]> {
  const asked: string[] = [];
  page.on('request', (request) => {
    if (!/^(data:|blob:)/.test(request.url())) asked.push(request.url());
  });
  page.on('pageerror', (error) => asked.push(error.message));
  page.on('console', (message) => asked.push(message.text()));
  // An address, so that the browser keeps decisions.
  await page.route('http://page.test/', (route) =>
    route.fulfill({ body: renderCleaning(given), contentType: 'text/html' }),
  );
  await page.goto('http://page.test/');
  return asked;
}

async function saved(page: Page, button: string): Promise<string> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: button }).click(),
  ]);
  return readFileSync(await download.path(), 'utf8');
}

test.each([
  { width: 1280, colorScheme: 'light' },
  { width: 390, colorScheme: 'dark' },
] as const)('is accessible on $width pixels, $colorScheme', async ({ width, colorScheme }) => {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
  const page = await context.newPage();
  expect(await open(page)).toEqual(['http://page.test/']);
  await page.keyboard.press('j');
  await page.keyboard.press('r');
  await page.keyboard.press('a');
  const found = await page.evaluate(`${axe.source}; axe.run(document, { resultTypes: ['violations'] })`);
  const { violations } = found as { violations: { id: string; nodes: { target: string[] }[] }[] };
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)).toEqual(
    [],
  );
  expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
  expect(await page.locator('.findings b, .findings i').count()).toBe(0);
  await context.close();
});

test('keys decide, decisions survive a reload, and the saved table is that of the library', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const given = report();
  await open(page, given);
  for (const key of ['j', 'j', 'a', 'a', 'r', 'k', 'k', 'u']) await page.keyboard.press(key);
  // Findings 1, 2 and 3 were decided, and 2 was undone.
  const progress = page.locator('#progress');
  expect(await progress.textContent()).toBe('2 of 17 decided, 1 accepted');
  await page.keyboard.press('Shift+A');
  expect(await progress.textContent()).toBe('4 of 17 decided, 3 accepted');
  const choose = async (finding: number, label: string) => {
    const choice = page.locator('.finding').nth(finding).getByRole('combobox');
    await choice.focus();
    await choice.selectOption({ label });
  };
  await choose(15, 'change to </script>');
  await choose(16, 'remove');
  await page.reload();
  expect(await progress.textContent()).toBe('6 of 17 decided, 5 accepted');

  const { decisions } = JSON.parse(await saved(page, 'Decisions as JSON')) as { decisions: Decision[] };
  const decided = decisions.map(({ kind, decision, label }) => [kind, decision, label]);
  expect(decided).toEqual([
    ['conflict', 'accept', null],
    ['leak', 'accept', null],
    ['wrong-label', 'accept', 'a cat'],
    ['doubtful-label', 'reject', null],
    ['wrong-label', 'accept', '</script>'],
    ['wrong-label', 'accept', null],
  ]);
  const { table } = given;
  const expected = csvOf([table.columns, ...cleanedRows(table, decisions)]);
  expect(await saved(page, 'Save the new table')).toBe(expected);
  expect(expected.split('\n').length).toBe(1 + 20 - 3 + 1);
  expect(await saved(page, 'as CSV')).toContain('"folder/<i>image</i>, 1.png",accept,');
  await context.close();
});

test('the classes are listed where they are chosen, and nowhere else', async () => {
  const page = await browser.newPage();
  const classes = [...CLASSES, ...Array.from({ length: 1000 }, (_, i) => `class ${i}`)];
  await open(page, { ...report(), classes });
  expect(await page.locator('.finding option').count()).toBe(17);
  const choice = page.locator('.finding').nth(3).getByRole('combobox');
  await choice.click();
  expect(await page.locator('.finding option').count()).toBe(17 + classes.length);
  await choice.selectOption({ label: 'change to class 999' });
  const [{ label }] = JSON.parse(await saved(page, 'Decisions as JSON')).decisions;
  expect(label).toBe('class 999');
  await page.close();
});

test('a filter shows one kind, and accepts it as a whole', async () => {
  const page = await browser.newPage();
  await open(page);
  await page.getByLabel('Show').selectOption('wrong-label');
  expect(await page.locator('.finding:visible').count()).toBe(3);
  await page.getByRole('button', { name: 'Accept all shown' }).click();
  expect(await page.locator('#progress').textContent()).toBe('3 of 17 decided, 3 accepted');
  await page.getByLabel('only undecided').check();
  expect(await page.locator('.finding:visible').count()).toBe(0);
  await page.close();
});
