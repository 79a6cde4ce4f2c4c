import { describe, expect, test } from 'vitest';
import { COLUMNS, rowsOf } from '../../scripts/terminal-image/recording.ts';
import { animated } from '../../scripts/terminal-image/svg.ts';

const STAYS = Number.POSITIVE_INFINITY;

describe('a recording', () => {
  test('has lines that stay, and status lines that the next write replaces', () => {
    const rows = rowsOf([
      { at: 1, text: 'first\n' },
      { at: 2, text: '\rloading\x1b[K' },
      { at: 3, text: '\rloading more\x1b[K' },
      { at: 4, text: '\r\x1b[K' },
      { at: 4, text: 'second\n' },
    ]);
    expect(rows).toEqual([
      { from: 1, to: STAYS, row: 0, text: 'first' },
      { from: 2, to: 3, row: 1, text: 'loading' },
      { from: 3, to: 4, row: 1, text: 'loading more' },
      { from: 4, to: STAYS, row: 1, text: 'second' },
    ]);
  });

  test('wraps long lines at the width of the terminal, without counting colours', () => {
    const line = `\x1b[32m${'a'.repeat(COLUMNS)}\x1b[39mb`;
    const rows = rowsOf([{ at: 0, text: `${line}\n` }]);
    expect(rows.map(({ row, text }) => [row, text.replaceAll(/[^ab]/g, '').length])).toEqual([
      [0, COLUMNS + 0],
      [1, 1],
    ]);
  });
});

describe('the image', () => {
  const draw = (...lines: string[]) => {
    const rows = lines.map((text, row) => ({ from: row, to: STAYS, row, text }));
    return animated({ title: 'a & b', rows, speed: 1 });
  };

  test('escapes texts, and keeps colours and columns', () => {
    const svg = draw('\x1b[32mDone\x1b[39m <1>', '\x1b[1m\x1b[36mbold\x1b[39m\x1b[22m');
    expect(svg).toContain('<title>a &amp; b</title>');
    expect(svg).toContain('<tspan x="0.0" textLength="33.6" fill="#8fd694">Done</tspan>');
    expect(svg).toContain('<tspan x="33.6" textLength="33.6"> &lt;1&gt;</tspan>');
    expect(svg).toContain('font-weight="700" fill="#7ccbee">bold</tspan>');
  });

  test('scrolls when the lines do not fit', () => {
    const scrollsOf = (count: number) => draw(...Array(count).fill('x')).match(/translateY\(-\d+px\)}/g)?.length ?? 0;
    expect(scrollsOf(20)).toBe(0);
    expect(scrollsOf(30)).toBe(5);
  });
});
