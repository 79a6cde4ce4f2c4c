import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { mapConcurrently } from '../../src/data/concurrency.ts';
import type { Sample } from '../../src/data/index.ts';
import { openDataset } from '../../src/data/node/index.ts';
import { ThawError } from '../../src/errors.ts';
import { needs, PIPES } from '../needs.ts';
import { classFolders, flat, image, noisyJpeg, temporaryFolder, write } from './images.ts';

const names = (root: string, samples: readonly Sample[]) => samples.map(({ file }) => relative(root, file));
const refused = async (promise: Promise<unknown>, message: RegExp) => {
  const error = await promise.then(
    () => undefined,
    (e) => e,
  );
  expect(error).toBeInstanceOf(ThawError);
  expect(error.message).toMatch(message);
  expect(error.hint).toBeTruthy();
};

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}

/** A valid PNG with one bit per pixel: 20,000 x 20,000 pixels are 50 MB of zeros, compressed to 50 KB. */
function bombPng(side: number): Buffer {
  const chunk = (type: string, content: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
    const frame = Buffer.alloc(8 + body.length);
    frame.writeUInt32BE(content.length, 0);
    body.copy(frame, 4);
    frame.writeUInt32BE(crc32(body), 4 + body.length);
    return frame;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header[8] = 1;
  const rows = deflateSync(Buffer.alloc(side * (1 + side / 8)));
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', rows),
    chunk('IEND', new Uint8Array()),
  ]);
}

describe('class folders', () => {
  it('with names of properties of JavaScript objects', async () => {
    const data = await openDataset(await classFolders(temporaryFolder(), { constructor: 3, ['__proto__']: 3 }));
    expect(data.classes).toEqual(['__proto__', 'constructor']);
  });

  it('with train, valid and test', async () => {
    const root = await classFolders(temporaryFolder(), {
      'train/b': 3,
      'train/a': 2,
      'valid/a': 1,
      'valid/b': 1,
      'test/a': 1,
    });
    const data = await openDataset(root);
    expect(data.classes).toEqual(['a', 'b']);
    expect(data.train.map(({ label }) => label)).toEqual([0, 0, 1, 1, 1]);
    expect(names(root, data.val)).toEqual(['valid/a/0.png', 'valid/b/0.png']);
    expect(names(root, data.test)).toEqual(['test/a/0.png']);
    expect(data.problems).toEqual([]);
  });

  it('sorts classes by code units and finds images in subfolders', async () => {
    const root = await classFolders(temporaryFolder(), { é: 2, Z: 2, a: 2, 'a/more': 1, 10: 2, 9: 2 });
    const data = await openDataset(root, { valFraction: 0 });
    expect(data.classes).toEqual(['10', '9', 'Z', 'a', 'é']);
    expect(data.train.filter(({ label }) => label === 3)).toHaveLength(3);
  });

  it('a class can be named test if there is no train', async () => {
    const root = await classFolders(temporaryFolder(), { test: 2, rest: 2 });
    expect((await openDataset(root)).classes).toEqual(['rest', 'test']);
  });

  it('are split by seed, class by class', async () => {
    const root = await classFolders(temporaryFolder(), { a: 20, b: 10, c: 2 });
    const data = await openDataset(root, { seed: 3 });
    const counts = (samples: readonly Sample[]) =>
      [0, 1, 2].map((label) => samples.filter((s) => s.label === label).length);
    expect(counts(data.val)).toEqual([4, 2, 1]);
    expect(counts(data.train)).toEqual([16, 8, 1]);
    expect(new Set([...data.train, ...data.val].map(({ file }) => file)).size).toBe(32);
    expect(await openDataset(root, { seed: 3 })).toEqual(data);
    expect(names(root, (await openDataset(root, { seed: 4 })).val)).not.toEqual(names(root, data.val));
  });

  it('splits do not depend on the location of the folder', async () => {
    const [here, there] = [
      await classFolders(temporaryFolder(), { a: 9, b: 9 }),
      await classFolders(temporaryFolder(), { b: 9, a: 9 }),
    ];
    expect(names(here, (await openDataset(here)).val)).toEqual(names(there, (await openDataset(there)).val));
  });
});

describe('files that are not images', () => {
  const spoiled = async () => {
    const root = await classFolders(temporaryFolder(), { a: 4, b: 4 });
    const jpeg = await noisyJpeg();
    write(root, 'a/notes.jpg', 'no image at all');
    write(root, 'a/zero.png', '');
    write(root, 'a/cut.jpg', jpeg.subarray(0, jpeg.length / 2));
    write(root, 'b/cut.png', (await flat('#123456', 64, 64).png().toBuffer()).subarray(0, 90));
    write(root, 'b/dot.png', await flat('#123456', 1, 1).png().toBuffer());
    write(root, 'b/drawing.svg', '<svg xmlns="http://www.w3.org/2000/svg" width="50" height="50"/>');
    write(root, 'b/bomb.png', bombPng(20_000));
    write(root, 'README.md', 'read me');
    write(root, 'a/.DS_Store', 'hidden');
    write(root, 'a/photo', jpeg);
    return root;
  };

  it('are skipped and listed with the reason', async () => {
    const root = await spoiled();
    const data = await openDataset(root, { valFraction: 0 });
    expect(
      Object.fromEntries(data.problems.map(({ file, reason }) => [relative(root, file), reason.split(' (')[0]])),
    ).toEqual({
      'README.md': 'not in a class folder',
      'a/cut.jpg': 'broken image',
      'a/notes.jpg': 'not an image',
      'a/zero.png': 'empty file',
      'b/bomb.png': '20000x20000 pixels: 400 megapixels, the limit is 268',
      'b/cut.png': 'broken image',
      'b/dot.png': '1x1 pixels, smaller than 8x8',
      'b/drawing.svg': 'svg is not supported: save it as JPEG or PNG',
    });
    expect(data.train).toHaveLength(9);
    expect(names(root, data.train)).toContain('a/photo');
  });

  it('do not block if they are pipes', needs(process.platform !== 'win32', PIPES), async () => {
    const root = await classFolders(temporaryFolder(), { a: 2, b: 2 });
    execFileSync('mkfifo', [join(root, 'a', 'pipe.png')]);
    const data = await openDataset(root, { valFraction: 0 });
    expect(data.problems).toEqual([{ file: join(root, 'a', 'pipe.png'), reason: 'not a file' }]);
  });

  it('stop strict opening', async () => {
    await refused(openDataset(await spoiled(), { strict: true }), /^8 unusable files in .*: .*README\.md/);
  });

  it('skips placeholders among photographs', async () => {
    const root = temporaryFolder();
    for (let i = 0; i < 20; i++)
      write(
        root,
        `${i % 2 ? 'a' : 'b'}/${i}.jpg`,
        await flat(`rgb(${i * 9}, 9, 9)`)
          .jpeg()
          .toBuffer(),
      );
    write(root, 'a/missing.gif', await flat('#808080').gif({ colours: 16 }).toBuffer());
    const { problems, train, val } = await openDataset(root);
    expect(problems.map(({ file }) => basename(file))).toEqual(['missing.gif']);
    expect(train.length + val.length).toBe(20);
  });
});

describe('data sets that training refuses', () => {
  it.each([
    ['one class', { a: 3 }, /only one class, "a"/],
    ['an empty class', { a: 3, b: 0 }, /class "b" is empty/],
    [
      'a class in val only',
      { 'train/a': 2, 'train/b': 2, 'val/a': 1, 'val/c': 1 },
      /class "c" is in val but not in train/,
    ],
    ['a single image to split', { a: 3, b: 1 }, /class "b" has only one image/],
  ])('%s', async (_, counts, message) => {
    await refused(openDataset(await classFolders(temporaryFolder(), counts)), message);
  });

  it('a class without a usable image', async () => {
    const root = await classFolders(temporaryFolder(), { a: 3 });
    write(root, 'b/text.jpg', 'text');
    await refused(openDataset(root), /class "b" is empty: none of its 1 files is a usable image/);
  });

  it('no such folder, an empty one, one with images but no folders, a file', async () => {
    const root = temporaryFolder();
    await refused(openDataset(join(root, 'nowhere')), /nowhere does not exist/);
    await refused(openDataset(root), /is empty/);
    const file = write(root, '1.png', await image(1));
    await refused(openDataset(root), /has no class folders/);
    await refused(openDataset(file), /neither a folder nor a CSV/);
    mkdirSync(join(root, 'train'));
    await refused(openDataset(root), /train has no class folders/);
    await refused(openDataset(root, { valFraction: 2 }), /validation fraction is 2/);
  });
});

describe('tables', () => {
  const withImages = async () => {
    const root = temporaryFolder();
    for (const i of [1, 2, 3, 4]) write(root, `images/${i}.png`, await image(i));
    return root;
  };

  it('CSV with splits, found in its folder', async () => {
    const root = await withImages();
    const rows = [
      'file_name,label,split',
      'images/1.png,"cat, small",train',
      'images/2.png,dog,train',
      'images/3.png,dog,validation',
      'images/4.png,"cat, small",test',
    ];
    write(root, 'metadata.csv', `\ufeff${rows.join('\r\n')}\r\n`);
    const data = await openDataset(root);
    expect(data.classes).toEqual(['cat, small', 'dog']);
    expect([names(root, data.train), names(root, data.val), names(root, data.test)]).toEqual([
      ['images/1.png', 'images/2.png'],
      ['images/3.png'],
      ['images/4.png'],
    ]);
  });

  it.each([
    [';', 'metadata.csv'],
    ['\t', 'metadata.csv'],
    ['\t', 'metadata.tsv'],
    [',', 'metadata.csv'],
  ])('separated by %j in %s, with other separators in quotes', async (separator, file) => {
    const root = await withImages();
    const quotedName = '"cat, small; black"';
    const rows = [
      ['file_name', '"label"', 'split'],
      ['images/1.png', quotedName, 'train'],
      ['images/2.png', 'dog', 'train'],
      ['images/3.png', 'dog', 'val'],
    ];
    write(root, file, `\ufeff${rows.map((row) => row.join(separator)).join('\r\n')}\r\n`);
    const data = await openDataset(root);
    expect(data.classes).toEqual(['cat, small; black', 'dog']);
    expect([data.train.length, data.val.length]).toEqual([2, 1]);
  });

  it('JSON lines, split by seed', async () => {
    const root = await withImages();
    const rows = [1, 2, 3, 4].map((i) => JSON.stringify({ file_name: `images/${i}.png`, label: i % 2 }));
    const data = await openDataset(write(root, 'any.jsonl', rows.join('\n')));
    expect(data.classes).toEqual(['0', '1']);
    expect([data.train.length, data.val.length]).toEqual([2, 2]);
  });

  it.each([
    ['no label', 'file_name,label\nimages/1.png,a\nimages/2.png,\n', /line 3: no label for images\/2.png/],
    ['no label column', 'file_name,klass\nimages/1.png,a\n', /no column label, only file_name, klass/],
    ['no such file', 'file_name,label\nimages/1.png,a\nimages/9.png,b\n', /1 files of .* do not exist: images\/9.png/],
    ['no rows', 'file_name,label\n', /has no rows/],
    [
      'two labels for a file',
      'file_name,label\nimages/1.png,a\nimages/1.png,b\n',
      /line 3: images\/1.png has the label "b", but earlier "a"/,
    ],
    ['an unknown split', 'file_name,label,split\nimages/1.png,a,later\n', /line 2: split is "later"/],
    ['too many columns', 'file_name,label\nimages/1.png,a,b,c\n', /line 2/],
  ])('%s', async (_, text, message) => {
    await refused(openDataset(write(await withImages(), 'labels.csv', text)), message);
  });

  it('a line that is not JSON', async () => {
    await refused(
      openDataset(write(await withImages(), 'a.jsonl', '{"file_name": "images/1.png", "label": "a"}\nnope')),
      /line 2 is not a JSON object/,
    );
  });
});

describe('with the classes of a model', () => {
  it('keeps their order and can hold out everything', async () => {
    const root = await classFolders(temporaryFolder(), { a: 2, c: 1 });
    const data = await openDataset(root, { classes: ['c', 'b', 'a'], valFraction: 1 });
    expect(data.classes).toEqual(['c', 'b', 'a']);
    expect(data.train).toEqual([]);
    expect(data.val.map(({ label }) => label)).toEqual([2, 2, 0]);
  });

  it('refuses other classes', async () => {
    const root = await classFolders(temporaryFolder(), { a: 2, d: 2 });
    await refused(openDataset(root, { classes: ['a', 'b'] }), /the model has no class d; its 2 classes are a, b/);
  });
});

it('an abort stops opening a data set, and no more files are read', async () => {
  const root = await classFolders(temporaryFolder(), { cat: 3, dog: 3 });
  const asked = new AbortController();
  const opening = openDataset(root, { signal: asked.signal });
  asked.abort();
  await expect(opening).rejects.toMatchObject({ name: 'AbortError' });
  const begun: number[] = [];
  const stop = new AbortController();
  const looked = mapConcurrently(
    Array.from({ length: 50 }, (_, i) => i),
    4,
    async (i) => {
      begun.push(i);
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (i === 9) stop.abort();
    },
    stop.signal,
  );
  await expect(looked).rejects.toMatchObject({ name: 'AbortError' });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(begun.length).toBeLessThanOrEqual(10 + 4);
});

it('a class can be called train, next to others that are not splits', async () => {
  const root = await classFolders(temporaryFolder(), { bus: 2, train: 3 });
  const data = await openDataset(root);
  expect([data.classes, data.train.length + data.val.length]).toEqual([['bus', 'train'], 5]);
  mkdirSync(join(root, 'val'));
  await refused(openDataset(root), /train has no class folders/);
});

it('keeps examples of none of the classes apart: in a class folder _unknown, of a split or next to the splits', async () => {
  const flatFolder = await classFolders(temporaryFolder(), { _unknown: 3, cat: 4, dog: 4 });
  const flatData = await openDataset(flatFolder);
  expect(flatData.classes).toEqual(['cat', 'dog']);
  expect(flatData.train.length + flatData.val.length).toBe(8);
  expect(flatData.unknown!.map(({ label }) => label)).toEqual([-1, -1, -1]);
  const counts = { 'train/_unknown': 1, 'train/cat': 2, 'train/dog': 2, 'val/cat': 1, 'val/dog': 1, _unknown: 2 };
  const split = await openDataset(await classFolders(temporaryFolder(), counts));
  expect(split).toMatchObject({ classes: ['cat', 'dog'], problems: [] });
  expect(split.unknown).toHaveLength(3);
  const embedding = openDataset(flatFolder, { labels: { kind: 'class', unseen: true } });
  await refused(embedding, /an embedding has no unknown samples/);
});
