// What `thaw predict` takes: files, folders, globs, videos, and standard input.
import { spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as after } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import {
  STANDARD_INPUT,
  type Unlabelled,
  type UnlabelledOptions,
  unlabelledImages,
  unlabelledTexts,
} from '../../src/data/node/index.ts';
import { ppmImages } from '../../src/data/node/video.ts';
import type { DataProblem } from '../../src/data/types.ts';
import { needs } from '../needs.ts';
import { classFolders, flat, temporaryFolder, write } from './images.ts';

const EMPTY = Readable.from([]);
const standard = { input: EMPTY, fps: 1, watch: false, except: [] };

async function all(listed: AsyncIterable<Unlabelled | DataProblem>) {
  const found: (Unlabelled | DataProblem)[] = [];
  for await (const one of listed) found.push(one);
  return found;
}
const images = (given: readonly string[], options: Partial<UnlabelledOptions> = {}) =>
  all(unlabelledImages(given, { ...standard, ...options }));
const names = (root: string, found: readonly { readonly file: string }[]) =>
  found.map(({ file }) => relative(root, file).replaceAll('\\', '/'));

describe('images', () => {
  it('are files and folders, in their order, without what is to be left out', async () => {
    const root = await classFolders(temporaryFolder(), { a: 3, b: 1 });
    const found = await images([join(root, 'a/1.png'), root], { except: [join(root, 'a/2.png')] });
    expect(names(root, found)).toEqual(['a/1.png', 'a/0.png', 'a/1.png', 'b/0.png']);
  });

  it('are the matches of a pattern, unless a file has its name', async () => {
    const root = temporaryFolder();
    for (const name of ['b/2.jpg', 'a/1.jpg', 'a/deep/3.jpg', 'a/note.txt', 'a/.hidden.jpg', '[x]/4.jpg', 'x/5.jpg'])
      write(root, name, '');
    const matching = async (pattern: string) => names(root, await images([join(root, pattern)]));
    expect(await matching('**/*.jpg')).toEqual(['[x]/4.jpg', 'a/1.jpg', 'a/deep/3.jpg', 'b/2.jpg', 'x/5.jpg']);
    expect(await matching('{a,b}/*.jpg')).toEqual(['a/1.jpg', 'b/2.jpg']);
    // As in a shell, a folder that matches stands for its files.
    expect(await matching('[ab]')).toEqual(['a/1.jpg', 'a/deep/3.jpg', 'a/note.txt', 'b/2.jpg']);
    expect(await matching('[x]/4.jpg')).toEqual(['[x]/4.jpg']);
    await expect(matching('**/*.gif')).rejects.toThrow(/^no file matches .*\*\*\/\*\.gif$/);
  });

  it('have relative paths if the argument is relative', async () => {
    const root = await classFolders(temporaryFolder(), { a: 1 });
    const path = relative(process.cwd(), join(root, 'a'));
    expect(await images([path, join(root, 'a')])).toEqual([
      { file: join(path, '0.png') },
      { file: join(root, 'a/0.png') },
    ]);
  });

  it('a missing file is an error before the first image', async () => {
    const root = await classFolders(temporaryFolder(), { a: 1 });
    const listed = unlabelledImages([root, join(root, 'none.jpg')], standard);
    await expect(listed.next()).rejects.toMatchObject({ code: 'not-found', message: /none\.jpg does not exist/ });
  });
});

describe('standard input', () => {
  it('is an image', async () => {
    const png = await flat('#123456').png().toBuffer();
    const input = Readable.from([png.subarray(0, 20), png.subarray(20)]);
    expect(await images([STANDARD_INPUT], { input })).toEqual([{ file: '-', image: png }]);
  });

  it.each([
    ['lines', ['one.jpg\ntw', 'o ü', '.jpg\r\n\nthree.jpg'], ['one.jpg', 'two ü.jpg', 'three.jpg']],
    ['paths that end in zero bytes', ['a\nb.jpg\0c', '.jpg\0'], ['a\nb.jpg', 'c.jpg']],
  ])('is a list of paths: %s', async (_, chunks, paths) => {
    const input = Readable.from(chunks.map((text) => Buffer.from(text)));
    expect(await images([STANDARD_INPUT], { input })).toEqual(paths.map((file) => ({ file })));
  });

  it('keeps a character whose bytes arrive in two pieces', async () => {
    const bytes = Buffer.from('grün.jpg\n');
    const input = Readable.from([bytes.subarray(0, 3), bytes.subarray(3)]);
    expect(await images([STANDARD_INPUT], { input })).toEqual([{ file: 'grün.jpg' }]);
  });

  it('is an error if it is empty', async () => {
    await expect(images([STANDARD_INPUT])).rejects.toThrow('standard input is empty');
  });

  it('gives each path at once, and stops with the signal', async () => {
    const input = new Readable({ read() {} });
    const stop = new AbortController();
    const listed = unlabelledImages([STANDARD_INPUT], { ...standard, input, signal: stop.signal });
    input.push('first.jpg\nsec');
    expect((await listed.next()).value).toEqual({ file: 'first.jpg' });
    const next = listed.next();
    stop.abort();
    await expect(next).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('texts', () => {
  const texts = (given: readonly string[], options: { only?: boolean; input?: Readable } = {}) =>
    all(unlabelledTexts(given, { input: EMPTY, ...options }));

  it('are arguments, files, tables and patterns', async () => {
    const root = temporaryFolder();
    const table = write(root, 'unlabelled.csv', 'id,text\n1,first\n2,second\n3,\n');
    const file = write(root, 'a/note.txt', 'third');
    expect(await texts([table, 'really? [yes]', join(root, '*/*.txt')])).toEqual([
      { file: `${table}:2`, text: 'first' },
      { file: `${table}:3`, text: 'second' },
      { file: `${table}:4`, reason: 'no text' },
      { file: 'argument 2', text: 'really? [yes]' },
      { file, text: 'third' },
    ]);
    for (const path of [
      'nofile.txt',
      'no such reviews.csv',
      './reviews',
      '/tmp/nothing',
      '~/notes',
      'C:\\texts\\a',
      '*.md.txt',
    ])
      await expect(texts([path]), path).rejects.toMatchObject({
        code: 'not-found',
        message: `${path} may be a file or a text, and no such file exists`,
        hint: expect.stringContaining('--texts'),
      });
    const given = ['nofile.txt', table, 'and/or', STANDARD_INPUT, 'https://example.com/a', 'It ends. txt'];
    expect(await texts(given, { only: true })).toMatchObject(given.map((text) => ({ text })));
  });

  it('are the lines of standard input', async () => {
    const input = Readable.from([Buffer.from('Works well\n\nbroken, '), Buffer.from('sadly')]);
    expect(await texts([STANDARD_INPUT], { input })).toEqual([
      { file: '-:1', text: 'Works well' },
      { file: '-:3', text: 'broken, sadly' },
    ]);
  });
});

describe('watched folders', () => {
  it('give their files, then each new or changed file once, when it is complete', async () => {
    const root = await classFolders(temporaryFolder(), { a: 1 });
    const stop = new AbortController();
    const listed = unlabelledImages([root], { ...standard, watch: true, signal: stop.signal });
    const next = async () => names(root, [(await listed.next()).value]);
    expect(await next()).toEqual(['a/0.png']);
    const slow = write(root, 'new/slow.png', 'begun');
    const growing = (async () => {
      for (let i = 0; i < 8; i++) {
        await after(200);
        appendFileSync(slow, 'more');
      }
      write(root, 'a/.hidden.png', '');
    })();
    expect(await next()).toEqual(['new/slow.png']);
    await growing;
    expect(readFileSync(slow, 'utf8')).toBe(`begun${'more'.repeat(8)}`);
    write(root, 'a/0.png', 'changed');
    expect(await next()).toEqual(['a/0.png']);
    const last = listed.next();
    stop.abort();
    await expect(last).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('are folders', async () => {
    const root = await classFolders(temporaryFolder(), { a: 1 });
    for (const word of [STANDARD_INPUT, join(root, 'a/0.png'), join(root, '*')])
      await expect(images([word], { watch: true, input: EMPTY })).rejects.toThrow('is not a folder to watch');
  });
});

describe('videos', () => {
  const ppm = (width: number, height: number, ...values: number[]) =>
    Buffer.concat([Buffer.from(`P6\n${width} ${height}\n255\n`), Buffer.from(values)]);
  const both = Buffer.concat([ppm(2, 1, 1, 2, 3, 10, 32, 80), ppm(1, 1, 7, 8, 9)]);
  const frames = [
    { width: 2, height: 1, data: Uint8Array.of(1, 2, 3, 10, 32, 80) },
    { width: 1, height: 1, data: Uint8Array.of(7, 8, 9) },
  ];

  it.each([1, 5, 1000])('PPM images come in pieces of %i bytes', async (size) => {
    const pieces = Array.from({ length: Math.ceil(both.length / size) }, (_, i) =>
      both.subarray(i * size, (i + 1) * size),
    );
    const found = [];
    for await (const one of ppmImages(Readable.from(pieces))) found.push(one);
    expect(found).toEqual(frames);
  });

  /** Runs with another program as ffmpeg. */
  async function withFfmpeg<T>(script: string | undefined, work: () => Promise<T>): Promise<T> {
    const folder = temporaryFolder();
    if (script !== undefined) {
      const file = write(folder, 'ffmpeg', `#!${process.execPath}\n${script}`);
      chmodSync(file, 0o755);
    }
    vi.stubEnv('PATH', folder);
    try {
      return await work();
    } finally {
      vi.unstubAllEnvs();
    }
  }
  const scripts = needs(process.platform !== 'win32', 'a system that runs scripts by their first line');
  const video = () => write(temporaryFolder(), '-i evil.mp4', 'video');

  it('give the frames that ffmpeg writes, with their times', scripts, async () => {
    const file = video();
    const script = `process.stdout.write(Buffer.from('${both.toString('hex')}', 'hex'))`;
    const found = await withFfmpeg(script, () => images([file], { fps: 2 }));
    expect(found).toEqual(frames.map((image, i) => ({ file, time: i / 2, image })));
  });

  it('that ffmpeg cannot read are problems, with its reason', scripts, async () => {
    const file = video();
    const script = `console.error('file:${file}: Invalid data found'); process.exit(1)`;
    const reason = 'ffmpeg cannot read the video: Invalid data found';
    expect(await withFfmpeg(script, () => images([file]))).toEqual([{ file, reason }]);
  });

  it('name ffmpeg if it is missing', async () => {
    const file = video();
    const reason = /^videos need ffmpeg, which is not installed\. Get it with apt install ffmpeg, brew/;
    expect(await withFfmpeg(undefined, () => images([file]))).toEqual([
      { file, reason: expect.stringMatching(reason) },
    ]);
  });

  it('end with the signal, also while ffmpeg writes', scripts, async () => {
    const file = video();
    const stop = new AbortController();
    const script = `setInterval(() => process.stdout.write(Buffer.from('${both.toString('hex')}', 'hex')), 5)`;
    await withFfmpeg(script, async () => {
      const listed = unlabelledImages([file], { ...standard, signal: stop.signal });
      await listed.next();
      stop.abort();
      await expect(
        (async () => {
          for await (const _ of listed);
        })(),
      ).rejects.toMatchObject({ name: 'AbortError' });
    });
  });

  const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
  it('show at each time the frame that a viewer sees', needs(hasFfmpeg, 'ffmpeg: apt install ffmpeg'), async () => {
    const file = join(temporaryFolder(), 'clip.mkv');
    // 10 frames a second for 3 seconds; the brightness of frame n is 8 n.
    const source = `color=black:size=32x16:rate=10:duration=3,format=gray,geq=lum='8*N'`;
    spawnSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', source, '-c:v', 'ffv1', file]);
    const found = (await images([file], { fps: 2 })) as Unlabelled[];
    expect(found.map(({ time }) => time)).toEqual([0, 0.5, 1, 1.5, 2, 2.5]);
    const brightness = found.map(({ image }) => (image as { data: Uint8Array }).data[0] / 8);
    expect(brightness.map(Math.round)).toEqual([0, 5, 10, 15, 20, 25]);
    expect(found[0].image).toMatchObject({ width: 32, height: 16 });
  });
});

it('a link to a folder above does not repeat its files', needs(process.platform !== 'win32', 'links'), async () => {
  const root = await classFolders(temporaryFolder(), { a: 1 });
  mkdirSync(join(root, 'a/in'));
  symlinkSync(root, join(root, 'a/in/up'));
  expect(names(root, await images([root]))).toEqual(['a/0.png']);
  for (const pattern of ['*', '*/*.png']) expect(names(root, await images([join(root, pattern)]))).toContain('a/0.png');
  expect((await images([join(root, '**/*.png')])).length).toBeLessThan(3);
});
