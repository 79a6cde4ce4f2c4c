/** The report in a real browser: wide screen and phone, light and dark. */
import axe from 'axe-core';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderReport } from '../../src/report/index.ts';
import { launch } from '../web/browser.ts';
import { fixture } from './fixture.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser?.close());

test.each([
  { classes: 2, width: 1280, colorScheme: 'light' },
  { classes: 13, width: 390, colorScheme: 'dark' },
  { classes: 7, width: 390, colorScheme: 'light' },
  { classes: 60, width: 390, colorScheme: 'light' },
] as const)('$classes classes on $width pixels, $colorScheme', async (look) => {
  const names = Array.from({ length: look.classes }, (_, i) => `a class with a name ${i}`);
  const viewport = { width: look.width, height: 900 };
  const context = await browser.newContext({ viewport, colorScheme: look.colorScheme });
  const page = await context.newPage();
  const asked: string[] = [];
  page.on('request', ({ url }) => {
    if (!url().startsWith('data:')) asked.push(url());
  });
  await page.setContent(renderReport(fixture(names)));
  expect(asked).toEqual([]);
  const found = await page.evaluate(`${axe.source}; axe.run(document, { resultTypes: ['violations'] })`);
  const { violations } = found as { violations: { id: string; nodes: { target: string[] }[] }[] };
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)).toEqual(
    [],
  );
  const beyond = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(beyond).toBeLessThanOrEqual(0);
  // No word in a table header is cut: each header is at least as wide as its longest word.
  const cut = await page.evaluate(
    () =>
      [...document.querySelectorAll('#result tbody th')].filter((head) => head.scrollWidth > head.clientWidth).length,
  );
  expect(cut).toBe(0);
  await context.close();
});

test('the search finds classes by name and by mistakes', async () => {
  const page = await browser.newPage();
  const data = fixture(Array.from({ length: 60 }, (_, i) => `${i % 2 ? 'fox' : 'cat'} ${i}`));
  await page.setContent(renderReport(data));
  const visible = () => page.locator('.searched tbody tr:visible').count();
  expect(await visible()).toBe(0);
  await page.getByLabel('Find a class').fill('FOX 7');
  const expected = data.after.perClass.filter(
    ({ label }, truth) =>
      label.includes('fox 7') ||
      data.after.confusion[truth].some((times, c) => times && data.data.classes[c].includes('fox 7')),
  );
  expect(await visible()).toBe(expected.length);
  expect(await page.locator('.search output').textContent()).toBe(`${expected.length} of 60`);
  await page.getByLabel('Find a class').fill('');
  expect(await visible()).toBe(60);
  await page.close();
});
