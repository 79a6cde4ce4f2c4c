import { describe, expect, test } from 'vitest';
import { fileNameOf, fileNameProblem } from '../src/file-names.ts';
import { folderAsZip } from '../src/web/index.ts';

describe('a name of a file', () => {
  test.each([
    'model.onnx',
    'CONTRAST',
    'console',
    'com',
    'com10',
    'nulls.txt',
    'a b',
    '.hidden',
    'über',
    '_con',
    'lpt',
  ])('%s is one on every system', (name) => {
    expect(fileNameProblem(name)).toBeUndefined();
    expect(fileNameOf(name)).toBe(name);
  });

  test.each([
    ['CON', 'device', '_CON'],
    ['nul.txt', 'device', '_nul.txt'],
    ['Aux .tar.gz', 'device', '_Aux .tar.gz'],
    ['com1', 'device', '_com1'],
    ['LPT9.log', 'device', '_LPT9.log'],
    ['com²', 'device', '_com²'],
    ['conin$', 'device', '_conin$'],
    ['name.', 'end', 'name'],
    ['name. . ', 'end', 'name'],
    ['con.', 'end', '_con'],
    ['a:b', '":"', 'a-b'],
    ['a/b', '"/"', 'a-b'],
    ['what?', '"?"', 'what-'],
    ['tab\tbed', '"\\t"', 'tab-bed'],
    ['', 'empty', ''],
    ['..', 'another folder', ''],
    [' ', 'end', ''],
  ])('%j is none: %s', (name, problem, closest) => {
    expect(fileNameProblem(name)).toContain(problem);
    expect(fileNameOf(name)).toBe(closest);
    if (closest) expect(fileNameProblem(closest)).toBeUndefined();
  });
});

test('a zip holds only paths that unpack on every system', async () => {
  expect((await folderAsZip([['onnx/model.onnx', new Uint8Array(1)]])).size).toBeGreaterThan(1);
  for (const path of ['../up', '/etc/passwd', 'a//b', 'aux.json', 'a./b', 'C:\\x']) {
    await expect(folderAsZip([[path, '']])).rejects.toMatchObject({ code: 'bad-config' });
  }
  await expect(folderAsZip([['a', '']], 'nul')).rejects.toMatchObject({ code: 'bad-config' });
});
