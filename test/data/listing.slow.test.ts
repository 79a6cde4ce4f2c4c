import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listDataset } from '../../src/data/node/listing.ts';

test('a class folder can have more files than a call takes arguments', async () => {
  const count = 130_000;
  const folder = mkdtempSync(join(tmpdir(), 'thaw-listing-'));
  try {
    for (const label of ['a', 'b']) mkdirSync(join(folder, label));
    for (let i = 0; i < count; i++) writeFileSync(join(folder, 'a', `${i}.jpg`), '');
    writeFileSync(join(folder, 'b', '0.jpg'), '');
    const { entries } = await listDataset(folder);
    expect(entries).toHaveLength(count + 1);
    expect(entries.at(-1)).toEqual({ file: join(folder, 'b/0.jpg'), label: 'b', split: undefined });
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 120_000);
