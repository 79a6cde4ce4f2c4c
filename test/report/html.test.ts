import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { renderReport } from '../../src/report/index.ts';
import { gains } from '../../src/report/sections/training.ts';
import type { ReportData } from '../../src/report/types.ts';
import { wilson } from '../../src/tasks/metrics/index.ts';
import { fixture, PIXEL } from './fixture.ts';
import { type Element, find, hasClass, parse, text } from './wellformed.ts';

const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onload='alert(1)",
  '&lt;b&gt;',
  '</style></title><svg/onload=alert(1)>',
  '日本語 \u202egnp.exe\u0000',
  '</title>\u2028<script>alert(1)</script>',
];

const named = (name: string) => (element: Element) => element.name === name;
const page = (data: ReportData): Element => parse(renderReport(data));
const section = (root: Element, id: string): Element => find(root, ({ attributes }) => attributes.id === id)[0];

/** The same data with every string replaced. */
function infect<T>(value: T, poison: string): T {
  if (typeof value === 'string') return (value.startsWith('data:') ? value : poison) as T;
  if (Array.isArray(value)) return value.map((item) => infect(item, poison)) as T;
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, ['why', 'stopped'].includes(key) ? item : infect(item, poison)]),
  ) as T;
}

test('markup comes only from the escaping tag, and from our own style', () => {
  const made = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && /new Html\(/.test(readFileSync(`src/${file}`, 'utf8')))
    .map((file) => file.replaceAll('\\', '/'));
  expect(made.sort()).toEqual(['report/markup.ts', 'report/plots.ts']);
});

describe('renderReport', () => {
  it.each([2, 3, 13, 25, 40])('is well-formed for %i classes', (number) => {
    const classes = Array.from({ length: number }, (_, i) => `class ${i}`);
    const data = fixture(classes);
    const root = page(data);
    const rows = find(section(root, 'classes'), named('tbody')).flatMap((body) => find(body, named('tr')));
    expect(rows).toHaveLength(number);
    const filled = data.after.confusion.flat().filter((times) => times > 0);
    expect(find(section(root, 'confusion'), named('title'))).toHaveLength(filled.length);
  });

  it('bounds the confusion of many classes, and has a short row for each with a search', () => {
    const ofClasses = (number: number) => Array.from({ length: number }, (_, i) => `class ${i}`);
    const [small, large] = [60, 180].map((number) => renderReport(fixture(ofClasses(number))));
    const root = parse(large);
    const [matrix, blocks] = find(section(root, 'confusion'), hasClass('confusion'));
    expect(text(matrix)).toContain('162 others');
    expect(find(matrix, hasClass('end')).filter((label) => text(label) !== 'truth ↓')).toHaveLength(19);
    expect(find(blocks, hasClass('end')).filter((label) => text(label) !== 'truth ↓')).toHaveLength(30);
    expect(find(find(root, hasClass('searched'))[0], named('tr'))).toHaveLength(181);
    expect(find(section(root, 'data'), named('tr')).length).toBeLessThan(30);
    // Without images, each further class takes a row of a few hundred bytes.
    expect((large.length - small.length) / 120).toBeLessThan(350);
  });

  it('allows the search of many classes by its digest, and no other script', () => {
    const html = renderReport(fixture(Array.from({ length: 41 }, (_, i) => `class ${i}`)));
    const scripts = find(parse(html), named('script'));
    expect(scripts).toHaveLength(1);
    const digest = createHash('sha256').update(text(scripts[0])).digest('base64');
    expect(html).toContain(`script-src &#39;sha256-${digest}&#39;; base-uri`);
    expect(renderReport(fixture(Array.from({ length: 40 }, (_, i) => `class ${i}`)))).not.toContain('script-src');
  });

  it.each(HOSTILE)('shows %j as text everywhere', (poison) => {
    const clean = renderReport(fixture());
    const data: ReportData = {
      ...infect(fixture(), poison),
      comparison: [{ name: poison, accuracy: 0.5, seconds: 1, link: poison }],
    };
    const root = page(data);
    const names = (html: string) => new Set(find(parse(html), () => true).map(({ name }) => name));
    const allowed = new Set([...names(clean), 'a']);
    for (const element of find(root, () => true)) {
      expect(allowed).toContain(element.name);
      expect(Object.keys(element.attributes).filter((name) => name.startsWith('on'))).toEqual([]);
    }
    for (const trick of ['\u202e', '\u0000']) expect(renderReport(data)).not.toContain(trick);
    const shown = poison.replace('\u202e', '\ufffd').replace('\u0000', '\ufffd');
    expect(text(find(root, named('h1'))[0])).toBe(shown);
  });

  it('loads nothing, runs no script, and forbids both', () => {
    const html = renderReport(fixture());
    const root = parse(html);
    expect(
      find(root, ({ name }) => ['script', 'link', 'iframe', 'object', 'embed', 'base', 'use'].includes(name)),
    ).toEqual([]);
    for (const { attributes } of find(root, () => true)) {
      for (const name of ['src', 'srcset', 'href', 'xlink:href', 'data', 'poster', 'style', 'action']) {
        expect(attributes[name] ?? 'data:').toMatch(/^data:/);
      }
    }
    expect(html).not.toMatch(/@import|url\(/);
    expect(html).not.toContain('http://');
    expect(html).not.toContain('https://');
    expect(html).toContain(`content="default-src 'none'; img-src data:;`);
  });

  it.each([
    ['https://example.org/a?b=1&c="2"', 'https://example.org/a?b=1&c="2"'],
    ['../scratch/report.html', '../scratch/report.html'],
    ['javascript:alert(1)', undefined],
    ['JAVASCRIPT:alert(1)', undefined],
    ['\u0001javascript:alert(1)', undefined],
    ['data:text/html,x', undefined],
    ['//elsewhere.example/x', undefined],
  ])('links to %j only if it is an address or a relative path', (link, href) => {
    const root = page({ ...fixture(), comparison: [{ name: 'other', accuracy: 1, seconds: 1, link }] });
    expect(find(root, named('a')).map(({ attributes }) => attributes.href)).toEqual(href === undefined ? [] : [href]);
  });

  it.each([
    'https://example.org/x.png',
    'data:image/svg+xml;base64,PHN2Zy8+',
    'data:text/html;base64,eA==',
    'x" onerror="y',
  ])('shows an empty frame instead of the image %j', (thumbnail) => {
    const data = fixture();
    const root = page({ ...data, samples: [], mistakes: [{ ...data.mistakes[0], thumbnail }] });
    expect(find(root, named('img'))).toEqual([]);
    expect(find(section(root, 'mistakes'), hasClass('frame'))).toHaveLength(1);
  });

  it('describes every image and chart, and has table headers', () => {
    const root = page(fixture(['ant', 'bee', 'wasp']));
    const images = find(root, named('img'));
    expect(images).toHaveLength(6 + 16);
    for (const { attributes } of images)
      expect(attributes).toMatchObject({ src: PIXEL, alt: expect.stringMatching(/\w/) });
    for (const svg of find(root, named('svg')).filter(({ attributes }) => attributes.role)) {
      expect(svg.attributes['aria-label']).toMatch(/\w{3}/);
    }
    for (const table of find(root, named('table'))) {
      const heads = find(find(table, named('thead'))[0], named('th'));
      expect(heads.every(({ attributes }) => attributes.scope === 'col')).toBe(true);
      for (const row of find(find(table, named('tbody'))[0], named('tr'))) {
        expect(row.children.filter((child) => typeof child !== 'string')).toHaveLength(heads.length);
        expect(find(row, ({ attributes }) => attributes.scope === 'row')).toHaveLength(1);
      }
    }
    const ids = find(root, ({ attributes }) => 'id' in attributes).map(({ attributes }) => attributes.id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('reports that no epoch was finished', () => {
    const root = page({ ...fixture(), rows: [], plan: [], bestEpoch: null, before: null, stopped: 'interrupted' });
    expect(text(section(root, 'training'))).toContain('No epoch was finished: the run was interrupted.');
    expect(find(root, hasClass('plot'))).toEqual([]);
    expect(section(root, 'stages')).toBeUndefined();
  });

  it('renders a single epoch', () => {
    const data = fixture();
    const root = page({ ...data, rows: data.rows.slice(0, 1), bestEpoch: 1 });
    const best = find(root, hasClass('best'));
    expect(best.map(({ attributes }) => attributes.cx)).toEqual(['50%', '50%']);
  });

  it('marks losses that are not finite, and never writes NaN into a chart', () => {
    const data = fixture();
    const rows = data.rows.map((row, i) =>
      i === 4
        ? { ...row, train: { loss: Number.NaN, accuracy: 0.5 }, val: { loss: Number.POSITIVE_INFINITY, accuracy: 0.5 } }
        : row,
    );
    const broken = { ...data.after, loss: Number.NaN, f1: Number.NaN };
    const html = renderReport({ ...data, rows, after: broken });
    const root = parse(html);
    expect(html).not.toMatch(/NaN|Infinity|undefined/);
    expect(find(root, hasClass('gone')).map(({ attributes }) => attributes.x)).toEqual(['45%', '45%']);
    expect(text(section(root, 'result'))).toContain('not finite');
    const scores = { loss: Number.NaN, accuracy: Number.NaN };
    const every = rows.map((row) => ({ ...row, train: scores, val: scores }));
    expect(renderReport({ ...data, rows: every, after: broken })).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('shows the numbers of tables and figures', () => {
    const data = fixture(['ant', 'bee'], [PIXEL]);
    const root = page({
      ...data,
      before: { ...data.after, accuracy: 0.5 },
      after: {
        ...data.after,
        accuracy: 0.96,
        intervals: { ...data.after.intervals, accuracy: wilson(0.96, 150) },
        confusion: [
          [70, 6],
          [0, 74],
        ],
      },
    });
    const figures = find(root, hasClass('figures'))[0];
    expect(text(figures)).toContain('96.0%');
    expect(text(figures)).toContain('+46.0');
    // The Wilson interval of 144 in 150 is 0.9154 to 0.9815.
    expect(text(figures)).toContain('95% interval 91.5% to 98.2%');
    expect(text(section(root, 'confusion'))).toContain('ant predicted as bee: 6 (7.9% of them)');
    expect(text(section(root, 'data'))).toContain('2 files skipped');
  });
});

it('a long value of a figure gets a smaller font', () => {
  const long = (seconds: number) =>
    find(find(page({ ...fixture(), seconds }), hasClass('figures'))[0], hasClass('long'));
  expect(long(12)).toEqual([]);
  expect(long(1_000_000).map(text)).toEqual(['277\u00a0h\u00a046\u00a0min']);
});

describe('gains', () => {
  it('compares each stage with the best one before', () => {
    const { plan, ...data } = fixture();
    const stages = [0.8, 0.7, null, 0.9].map((bestAccuracy, i) => ({ ...plan[0], stage: i + 1, bestAccuracy }));
    const found = gains({ ...data, plan: stages, before: { ...data.after, accuracy: 0.5 } });
    expect(found.map((gain) => gain && Number(gain.toFixed(6)))).toEqual([0.3, -0.1, null, 0.1]);
    expect(gains({ ...data, plan: stages, before: null })[0]).toBeNull();
  });
});
