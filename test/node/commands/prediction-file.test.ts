import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PredictionFile } from '../../../src/node/commands/prediction-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'thaw-predictions-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const sample = (file: string) => ({
  file,
  prediction: { label: 'cat', probability: 1, probabilities: { cat: 1 } },
});

async function append(path: string, ...files: string[]): Promise<void> {
  const file = new PredictionFile(path, { append: true });
  await file.write(files.map(sample));
  await file.finish();
}

test('a file is continued after its last complete row', async () => {
  const path = join(folder, 'results.csv');
  await append(path, 'a.jpg');
  const [header, first] = readFileSync(path, 'utf8').split('\n');
  // Longer than the pieces that are read at a time.
  writeFileSync(path, 'b'.repeat(200_000), { flag: 'a' });
  await append(path, 'b.jpg');
  expect(readFileSync(path, 'utf8')).toBe([header, first, first.replace('a.jpg', 'b.jpg'), ''].join('\n'));
});

test('a part of a first row is replaced by the header', async () => {
  const path = join(folder, 'results.csv');
  writeFileSync(path, 'file,ti');
  await append(path, 'a.jpg');
  expect(readFileSync(path, 'utf8').split('\n')[0]).toBe('file,time,label,probability');
});

test('a file with other columns is refused and stays unchanged', async () => {
  const path = join(folder, 'results.csv');
  writeFileSync(path, 'name,value\n1,2\n');
  await expect(append(path, 'a.jpg')).rejects.toThrow(`${path} has other columns: name,value`);
  expect(readFileSync(path, 'utf8')).toBe('name,value\n1,2\n');
});

test('a file that is larger than a buffer can be is continued', async () => {
  const path = join(folder, 'results.jsonl');
  await append(path, 'a.jpg');
  const size = 2 ** 31 + 5;
  // A hole takes no space on the disk.
  const file = openSync(path, 'r+');
  writeSync(file, '\n{"file":"b', size);
  closeSync(file);
  await append(path, 'b.jpg');
  const { size: now } = statSync(path);
  expect(now - size - 1).toBe(`${JSON.stringify({ file: 'b.jpg', ...sample('').prediction })}\n`.length);
});
