import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { anchorOf, deadLinks } from '../../scripts/site/links.ts';
import { navigationOf } from '../../scripts/site/navigation.ts';

test('the navigation has four kinds of pages, and each page of docs/ once', () => {
  const sections = navigationOf('docs');
  expect(sections.map(({ text }) => text)).toEqual(['Tutorials', 'How-to guides', 'Reference', 'Explanation']);
  const pages = readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.md') && file !== 'README.md');
  const links = sections.flatMap(({ items }) => items.map(({ link }) => link));
  expect(links.sort()).toEqual(pages.map((file) => `/${file.replace('.md', '')}`).sort());
});

test.each([
  ['The adaptive plan', 'the-adaptive-plan'],
  ['1. Freezing', '1-freezing'],
  ['`lp-ft`, and L2-SP', 'lp-ft-and-l2-sp'],
  ['Operators of ONNX Runtime (com.microsoft)', 'operators-of-onnx-runtime-commicrosoft'],
  ['Rates · a_b – é', 'rates--a_b--é'],
])('the anchor of "%s" is that of GitHub', (heading, anchor) => expect(anchorOf(heading)).toBe(anchor));

describe('a dead link is', () => {
  let site: string;
  afterEach(() => rmSync(site, { recursive: true, force: true }));

  const deadIn = (pages: Readonly<Record<string, string>>) => {
    site = mkdtempSync(join(tmpdir(), 'thaw-site-'));
    for (const [page, html] of Object.entries(pages)) {
      mkdirSync(dirname(join(site, page)), { recursive: true });
      writeFileSync(join(site, page), html);
    }
    return deadLinks(site, '/thaw/');
  };
  const link = (href: string) => `<a class="x" href="${href}">here</a>`;

  test.each(['/thaw/none.html', 'none', '/elsewhere/a.html', '/thaw/b.html#none', '#none'])('%s', (href) => {
    expect(deadIn({ 'a.html': link(href), 'b.html': '<h2 id="there">' })).toEqual([`a.html: ${href}`]);
  });

  test.each(['/thaw/b.html#there', 'b', './b#there', '/thaw/', '/thaw/lab/c.html', 'https://none.example/'])(
    'not %s',
    (href) => {
      const pages = { 'a.html': link(href), 'b.html': '<h2 id="there">', 'index.html': '', 'lab/c.html': '' };
      expect(deadIn(pages)).toEqual([]);
    },
  );

  test('found in folders too, relative to the page', () => {
    expect(deadIn({ 'lab/c.html': link('../a.html') + link('a.html'), 'a.html': '' })).toEqual(['lab/c.html: a.html']);
  });
});
