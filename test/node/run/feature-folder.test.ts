import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FeatureFolder } from '../../../src/node/run/index.ts';
import { temporaryFolders } from './folders.ts';

const temporaryFolder = temporaryFolders();
const bytes = (fill: number, length = 100) => new Uint8Array(length).fill(fill);
const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile());

async function filled(limit = 1e6, count = 1) {
  const folder = await temporaryFolder();
  const features = new FeatureFolder(folder, limit);
  for (let i = 0; i < count; i++) await features.set(`key ${i}`, bytes(i));
  return { folder, features };
}

describe('features in a folder', () => {
  it('are available to the next process', async () => {
    const { folder } = await filled(1e6, 3);
    const next = new FeatureFolder(folder, 1e6);
    expect(await next.get('key 2')).toEqual(Buffer.from(bytes(2)));
    expect(await next.get('key 3')).toBeUndefined();
  });

  it.each<[string, (file: string) => void]>([
    ['truncated', (file) => truncateSync(file, 70)],
    ['empty', (file) => truncateSync(file, 0)],
    ['one bit changed', (file) => writeFileSync(file, readFileSync(file).fill(readFileSync(file)[60] ^ 1, 60, 61))],
    ['something else', (file) => writeFileSync(file, 'a shopping list that is longer than a digest')],
  ])('%s files are removed and not used', async (_, spoil) => {
    const { folder } = await filled();
    const [file] = filesIn(folder);
    spoil(file);
    const next = new FeatureFolder(folder, 1e6);
    expect(await next.get('key 0')).toBeUndefined();
    expect(filesIn(folder)).toEqual([]);
    await next.set('key 0', bytes(9));
    expect(await next.get('key 0')).toEqual(Buffer.from(bytes(9)));
  });

  it('of another key are ignored', async () => {
    const { folder } = await filled(1e6, 2);
    const [one, two] = filesIn(folder);
    renameSync(one, two);
    const found = await Promise.all(['key 0', 'key 1'].map((key) => new FeatureFolder(folder, 1e6).get(key)));
    expect(found).toEqual([undefined, undefined]);
  });

  it('respect the size limit: the least recently used ones go, those of this process stay', async () => {
    const { folder } = await filled(1e6, 4);
    const next = new FeatureFolder(folder, 4 * 132);
    for (const file of filesIn(folder)) utimesSync(file, 1000, 1000);
    expect(await next.get('key 0')).toBeDefined();
    for (const key of ['a', 'b', 'c', 'd', 'e']) await next.set(key, bytes(7));
    const sizes = filesIn(folder).map((file) => statSync(file).size);
    expect(sizes).toEqual([132, 132, 132, 132]);
    const left = new FeatureFolder(folder, 1e6);
    const kept = await Promise.all(['key 0', 'a', 'b', 'c', 'd', 'e'].map(async (key) => Boolean(await left.get(key))));
    expect(kept).toEqual([true, true, true, true, false, false]);
  });

  it('are not written if the folder is not writable, which is reported once', async () => {
    const folder = join(await temporaryFolder(), 'file');
    writeFileSync(folder, 'in the way');
    const told: string[] = [];
    const features = new FeatureFolder(folder, 1e6, (message) => told.push(message));
    await features.set('a', bytes(1));
    await features.set('b', bytes(2));
    expect(await features.get('a')).toBeUndefined();
    expect(told).toEqual([expect.stringContaining(folder)]);
  });

  it('remove old leftovers of interrupted writes', async () => {
    const { folder, features } = await filled(1e6, 0);
    mkdirSync(join(folder, '00'));
    const part = join(folder, '00', 'x.part');
    writeFileSync(part, 'half');
    utimesSync(part, 1000, 1000);
    await features.set('key', bytes(1));
    expect(filesIn(folder).filter((file) => file.endsWith('.part'))).toEqual([]);
  });
});
