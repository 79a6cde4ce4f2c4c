import { spawnSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import {
  hasContents,
  removeAbandoned,
  removeLeftovers,
  replaceFolder,
  temporaryName,
  writeAtomically,
  writeError,
} from '../../../src/node/disk/index.ts';
import { temporaryFolders } from '../run/folders.ts';

const temporaryFolder = temporaryFolders();

test('an incomplete file never replaces a complete one', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'file');
  await writeAtomically(path, 'first');
  const seen: string[] = [];
  const refused = writeAtomically(path, 'second', async (written) => {
    seen.push(await readFile(written, 'utf8'), await readFile(path, 'utf8'));
    throw new Error('not whole');
  });
  await expect(refused).rejects.toThrow('not whole');
  expect(seen).toEqual(['second', 'first']);
  expect(await readFile(path, 'utf8')).toBe('first');
  expect(await readdir(folder)).toEqual(['file']);
  await writeAtomically(path, [Uint8Array.of(97), Uint8Array.of(98, 99)]);
  expect(await readFile(path, 'utf8')).toBe('abc');
});

test('a folder is replaced completely or not at all', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'model');
  await replaceFolder(path, new Map([['onnx/a', '1']]));
  // A file cannot also be a folder, so this fails half way.
  const impossible = new Map([
    ['b', '2'],
    ['b/c', '3'],
  ]);
  await expect(replaceFolder(path, impossible)).rejects.toMatchObject({ code: 'run-directory' });
  expect(await readdir(folder, { recursive: true })).toEqual(['model', 'model/onnx', 'model/onnx/a']);
});

test('leftovers are distinguished from files of the user', async () => {
  const folder = await temporaryFolder();
  const names = ['.config.yaml.0123456789abcdef0123.tmp', 'notes.tmp', '.hidden', '.x.tmp'];
  for (const name of names) await writeFile(join(folder, name), '');
  await removeLeftovers(folder);
  await removeLeftovers(join(folder, 'nothing'));
  expect((await readdir(folder)).sort()).toEqual(names.slice(1).sort());
});

test('removes leftovers of killed processes, but not those of running ones', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'model.onnx');
  const named = (pid: number) => basename(temporaryName(path)).replace(/([0-9a-f]{4})[0-9a-f]{8}/, `$1${hexOf(pid)}`);
  const hexOf = (pid: number) => pid.toString(16).padStart(8, '0');
  const ended = spawnSync(process.execPath, ['-e', '']).pid;
  const elsewhere = named(ended).replace(/onnx\.[0-9a-f]{4}/, 'onnx.zzzz');
  const kept = [named(process.pid), elsewhere, named(ended).replace('model', 'other')];
  for (const name of [named(ended), ...kept]) await writeFile(join(folder, name), '');
  await removeAbandoned(path);
  expect((await readdir(folder)).sort()).toEqual(kept.sort());
});

test('a full disk is an error that the user can fix; an unknown error is not', () => {
  const full = writeError(Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' }), 'runs/a');
  expect(full).toMatchObject({ code: 'run-directory', message: 'cannot write runs/a: the disk is full' });
  const other = new Error('other');
  expect(writeError(other, 'runs/a')).toBe(other);
});

test('a difference from the written parts is found at any byte', async () => {
  const path = join(await temporaryFolder(), 'parts');
  const parts = [Uint8Array.of(1, 2, 3), new Uint8Array(0), new Uint8Array(2 ** 20 + 5).fill(7), Uint8Array.of(9)];
  await writeAtomically(path, parts);
  expect(await hasContents(path, parts)).toBe(true);
  const written = await readFile(path);
  for (const at of [0, 3, 2 ** 20 + 2, written.length - 1]) {
    const other = Uint8Array.from(written);
    other[at] ^= 1;
    await writeFile(path, other);
    expect(await hasContents(path, parts), `byte ${at}`).toBe(false);
  }
  await writeFile(path, written.subarray(0, -1));
  expect(await hasContents(path, parts)).toBe(false);
  await writeFile(path, Buffer.concat([written, Uint8Array.of(0)]));
  expect(await hasContents(path, parts)).toBe(false);
});
