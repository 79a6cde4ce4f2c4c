import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ThawError } from '../../src/errors.ts';
import { readModelFile, writeModelFile } from '../../src/node/models/files.ts';
import { bytesOf, writeModel, writeModelWithExternalData } from '../../src/onnx/index.ts';
import { encodeFields, message } from '../hostile/protobuf.ts';
import { needs, PIPES } from '../needs.ts';
import { smallModel, weights } from '../small-models.ts';

const model = smallModel({
  inputs: { x: ['N', 40] },
  outputs: { y: ['N', 50] },
  initializers: { w: weights([40, 50]), b: weights([50]) },
  nodes: [['Gemm', ['x', 'w', 'b'], ['y']]],
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'thaw-files-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const lineOf = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(ThawError);
  expect((error as ThawError).line).not.toContain('\n');
  return (error as ThawError).line;
};

test('a model survives a round trip through its file', async () => {
  const path = join(folder, 'new', 'deep', 'model.onnx');
  await writeModelFile(path, model);
  expect(writeModel(await readModelFile(path))).toEqual(writeModel(model));
  expect(readdirSync(join(folder, 'new', 'deep'))).toEqual(['model.onnx']);
});

test('large tensors go to a file next to the model, small ones do not', async () => {
  const path = join(folder, 'external', 'model.onnx');
  await writeModelFile(path, model, { externalData: true });
  expect(readdirSync(join(folder, 'external')).sort()).toEqual(['model.onnx', 'model.onnx_data']);
  expect(readFileSync(`${path}_data`)).toEqual(Buffer.from(bytesOf(model.graph.initializers.get('w')!)));
  expect(writeModel(await readModelFile(path))).toEqual(writeModel(model));
});

test('an existing file is replaced as a whole, and stays unchanged if writing fails', async () => {
  const path = join(folder, 'model.onnx');
  writeFileSync(path, 'old');
  await writeModelFile(path, model);
  expect(readFileSync(path)).toEqual(Buffer.from(writeModel(model)));
  mkdirSync(join(folder, 'taken', 'model.onnx'), { recursive: true });
  expect(await lineOf(writeModelFile(join(folder, 'taken', 'model.onnx'), model))).toMatch(
    /cannot write .*model\.onnx: a folder has the same name/,
  );
  expect(readdirSync(join(folder, 'taken'))).toEqual(['model.onnx']);
});

test('an error about a file that is not a model gives its path', async () => {
  const text = join(folder, 'notes.onnx');
  writeFileSync(text, 'This is not a model.\nIt is a text.\n');
  expect(await lineOf(readModelFile(text))).toContain(`${text}: `);
  const empty = join(folder, 'empty.onnx');
  writeFileSync(empty, '');
  expect(await lineOf(readModelFile(empty))).toContain('empty');
  expect(await lineOf(readModelFile(folder))).toContain('is a folder');
  expect(await lineOf(readModelFile(join(folder, 'none.onnx')))).toContain('none.onnx does not exist');
});

describe('external data', () => {
  const at = async (name: string, location: string, prepare?: (inside: string) => void) => {
    const inside = join(folder, name);
    mkdirSync(inside, { recursive: true });
    const written = writeModelWithExternalData(model, { location });
    writeFileSync(join(inside, 'model.onnx'), written.model);
    writeFileSync(join(inside, 'data.bin'), Buffer.concat([...written.data]));
    prepare?.(inside);
    return readModelFile(join(inside, 'model.onnx'));
  };

  test('is read from a subfolder of the model', async () => {
    const read = await at('below', 'weights/data.bin', (inside) => {
      mkdirSync(join(inside, 'weights'));
      writeFileSync(join(inside, 'weights', 'data.bin'), readFileSync(join(inside, 'data.bin')));
    });
    expect(writeModel(read)).toEqual(writeModel(model));
  });

  test.each(['../below/data.bin', '/etc/passwd', 'weights/../../below/data.bin', 'C:\\data.bin', '..\\data.bin'])(
    'at %s is refused',
    async (location) => {
      expect(await lineOf(at('outside', location))).toContain('outside its own folder');
    },
  );

  test('behind a link that leaves the folder is refused', async () => {
    const secret = join(folder, 'secret.bin');
    writeFileSync(secret, Buffer.alloc(100_000));
    const link = (inside: string) => {
      if (!existsSync(join(inside, 'link.bin'))) symlinkSync(secret, join(inside, 'link.bin'));
    };
    expect(await lineOf(at('linked', 'link.bin', link))).toContain('outside its own folder');
  });

  test('behind a link is read if the model itself is a link to the same folder, as in download caches', async () => {
    const contents = join(folder, 'blobs');
    const links = join(folder, 'snapshot');
    await at('blobs', 'data.bin');
    mkdirSync(links);
    for (const file of ['model.onnx', 'data.bin']) symlinkSync(join(contents, file), join(links, file));
    expect(writeModel(await readModelFile(join(links, 'model.onnx')))).toEqual(writeModel(model));
  });

  test('that is missing, too short or a folder is an error with the reason', async () => {
    expect(await lineOf(at('missing', 'other.bin'))).toContain('"other.bin", which is missing');
    const cut = (inside: string) => writeFileSync(join(inside, 'data.bin'), Buffer.alloc(100));
    expect(await lineOf(at('short', 'data.bin', cut))).toMatch(/bytes 0 to 8000 of "data.bin", which has 100/);
    expect(await lineOf(at('folder', 'sub', (inside) => mkdirSync(join(inside, 'sub'))))).toContain('is not a file');
  });

  test(
    'in a pipe is refused, because reading would wait for a writer',
    needs(process.platform !== 'win32', PIPES),
    async () => {
      const pipe = (inside: string) => execFileSync('mkfifo', [join(inside, 'pipe')]);
      expect(await lineOf(at('piped', 'pipe', pipe))).toContain('"pipe" with weights of the model is not a file');
    },
  );

  test('that several tensors share is read once, but overlapping tensors are refused', async () => {
    const weights = (offsets: readonly number[]) => {
      const inside = join(folder, `offsets-${offsets.join('-')}`);
      mkdirSync(inside);
      writeFileSync(join(inside, 'data.bin'), Buffer.alloc(8000, 1));
      const part = (key: string, value: string) => message(13, [message(1, key), message(2, value)]);
      const initializers = offsets.map((offset, i) =>
        message(5, [
          message(1, 1800n),
          message(2, 1n),
          message(8, `w${i}`),
          part('location', 'data.bin'),
          part('offset', String(offset)),
          part('length', '7200'),
          message(14, 1n),
        ]),
      );
      const bytes = encodeFields([message(8, [message(2, 17n)]), message(7, initializers)]);
      writeFileSync(join(inside, 'model.onnx'), bytes);
      return readModelFile(join(inside, 'model.onnx'));
    };
    const { initializers } = (await weights([0, 0, 0])).graph;
    const [first, last] = ['w0', 'w2'].map((name) => bytesOf(initializers.get(name)!));
    expect(last.buffer).toBe(first.buffer);
    expect(await lineOf(weights([0, 400, 800]))).toContain('tensors overlap in "data.bin"');
  });
});
