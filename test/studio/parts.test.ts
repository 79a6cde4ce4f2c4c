// What the studio's parts do without a page.
import { unzipSync, zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { readAugmentation } from '../../src/data/index.ts';
import { readSettings } from '../../src/session/index.ts';
import { inWords as explanationInWords } from '../../src/studio/components/explained.ts';
import { exampleDrawings } from '../../src/studio/drawing/examples.ts';
import { byFolder, filesOfTransfer } from '../../src/studio/files/folders.ts';
import { listed } from '../../src/studio/files/images.ts';
import { readOwnModel, withConfiguration } from '../../src/studio/files/models.ts';
import { readProject, writeProject } from '../../src/studio/files/project-file.ts';
import { arePhotographs, freeName, whatIsMissing, withClass } from '../../src/studio/state/classes.ts';
import { epochsPlanned, follow, NO_RUN, plannedBands, progress, secondsLeft } from '../../src/studio/state/run.ts';
import { EMBEDDED_SETTINGS, inWords, OWN_SETTINGS, trainSettings } from '../../src/studio/state/settings.ts';
import { memoryShelf } from '../../src/studio/state/shelf.ts';
import { Studio } from '../../src/studio/state/studio.ts';
import type { Run, StudioSettings } from '../../src/studio/state/types.ts';
import { FakeEngine, host, row, stepEvent } from './fake-engine.ts';

const file = (name: string, contents = '') => new File([contents], name);

describe('what is missing', () => {
  const two = [
    { id: '1', blob: new Blob() },
    { id: '2', blob: new Blob() },
  ];
  test.each([
    [[{ name: 'a', images: two }], 'One class alone cannot be told from another.'],
    [
      [
        { name: 'a', images: two },
        { name: ' ', images: two },
      ],
      'Class number 2 has no name.',
    ],
    [
      [
        { name: 'a', images: two },
        { name: 'a ', images: two },
      ],
      'Two classes are called “a”.',
    ],
    [
      [
        { name: 'a', images: two },
        { name: 'b', images: [] },
      ],
      '“b” has no images yet.',
    ],
  ])('case %#', (classes, message) => {
    expect(whatIsMissing(classes.map((one, i) => ({ ...one, id: `c${i}` })))?.message).toBe(message);
  });

  test('is nothing with two classes of two', () => {
    expect(whatIsMissing(['a', 'b'].map((name) => ({ id: name, name, images: two })))).toBeUndefined();
  });

  test('photographs are told from drawings by what cameras write', () => {
    const of = (...types: string[]) => [
      { id: 'a', name: 'a', images: types.map((type, i) => ({ id: `${i}`, blob: new Blob([], { type }) })) },
      { id: 'b', name: 'b', images: [] },
    ];
    expect(arePhotographs(of('image/jpeg', 'image/jpeg', 'image/png'))).toBe(true);
    expect(arePhotographs(of('image/jpeg', 'image/png'))).toBe(false);
    expect(arePhotographs(of())).toBe(false);
  });

  test('a new class has a name that is free', () => {
    const classes = [{ id: '1', name: 'Class 3', images: [] }, ...withClass([], '2', 'x')];
    expect(freeName(classes)).toBe('Class 4');
  });
});

describe('settings', () => {
  const variations: readonly StudioSettings['variation'][] = ['none', 'gentle', 'photos', 'strong'];
  test.each(variations)('images varied %s are settings that the recipe takes', (variation) => {
    for (const usual of [EMBEDDED_SETTINGS, OWN_SETTINGS]) {
      const settings = trainSettings({ ...usual, variation });
      expect(() => readAugmentation(readSettings({ ...settings }).augment)).not.toThrow();
    }
  });

  test('gentle variation neither mirrors nor recolours', () => {
    const changes = readAugmentation(trainSettings(EMBEDDED_SETTINGS).augment);
    expect(Object.keys(changes)).not.toEqual(expect.arrayContaining(['horizontalFlip']));
    expect(changes.hue ?? changes.saturation ?? changes.greyscale).toBeUndefined();
  });

  test.each([
    ['head', 'the last layer'],
    ['last:3', 'the last 3 layer groups'],
    ['all', 'all layers'],
    ['block*', 'block*'],
  ])('%s in words', (train, words) => expect(inWords(train)).toBe(words));
});

describe('a run', () => {
  const started = async (): Promise<Run> => {
    const { opened } = await new FakeEngine().client.open({
      model: new Uint8Array(),
      classes: ['a', 'b'],
      samples: [],
    });
    return { ...NO_RUN, phase: 'training', opened, trained: [0, 0, 0, 0] };
  };

  test('tells how far it is', async () => {
    let run = await started();
    expect(epochsPlanned(run)).toBe(4);
    expect(progress(run)).toBe(0);
    run = follow(run, { type: 'epoch', best: true, ...row(1) });
    run = follow(run, stepEvent(2, 2));
    expect(progress(run)).toBeCloseTo(1.5 / 4);
  });

  test('estimates what is left by the steps, then by the epochs of the stage', async () => {
    let run: Run = { ...(await started()), stage: { stage: 1 } as Run['stage'] };
    expect(secondsLeft(run)).toBeUndefined();
    for (const step of [1, 2, 3]) run = follow(run, stepEvent(1, step));
    // Four steps of half a second an epoch, three quarters of the first of four done.
    expect(secondsLeft(run)).toBeCloseTo(3.25 * 2);
    run = follow(run, { type: 'epoch', best: true, ...row(1), seconds: 10 });
    expect(secondsLeft(run)).toBeCloseTo(3 * 10);
  });

  test('has bands of the stages', async () => {
    expect(plannedBands(await started())).toEqual([
      { train: 'head', from: 0, to: 1 },
      { train: 'last:2', from: 2, to: 3 },
    ]);
  });

  test('is paused only while it trains', async () => {
    const run = await started();
    expect(follow(run, { type: 'paused' }).phase).toBe('paused');
    expect(follow({ ...run, phase: 'stopping' }, { type: 'paused' }).phase).toBe('stopping');
    expect(follow({ ...run, phase: 'paused' }, { type: 'resumed' }).phase).toBe('training');
  });
});

describe('example drawings', () => {
  test('are six things, on the paper, the same for a seed and different among themselves', () => {
    const examples = exampleDrawings(12, 3);
    expect(examples.map(({ drawings }) => drawings.length)).toEqual(Array(6).fill(12));
    const drawings = examples.flatMap((one) => one.drawings);
    const points = drawings.flatMap(({ strokes }) => strokes.flatMap((stroke) => stroke.points));
    expect(points.every(({ x, y }) => x > 0 && x < 1 && y > 0 && y < 1)).toBe(true);
    expect(exampleDrawings(12, 3)).toEqual(examples);
    expect(new Set(drawings.map((drawing) => JSON.stringify(drawing))).size).toBe(drawings.length);
  });
});

describe('files', () => {
  test('lie in folders, hidden ones aside', () => {
    const folders = byFolder([
      { folder: 'cat', file: file('1.png') },
      { folder: 'cat', file: file('.DS_Store') },
      { folder: 'dog', file: file('2.png') },
      { folder: 'cat', file: file('3.png') },
    ]);
    expect([...folders].map(([name, files]) => [name, files.map((one) => one.name)])).toEqual([
      ['cat', ['1.png', '3.png']],
      ['dog', ['2.png']],
    ]);
  });

  test('of a folder can be more than a call takes arguments', async () => {
    const count = 130_000;
    const image = file('1.png');
    const entry = {
      isFile: true,
      isDirectory: false,
      name: image.name,
      file: (found: (one: File) => void) => found(image),
    };
    const folder = (name: string, groups: object[][]) => {
      const createReader = () => {
        const left = [...groups, []];
        return { readEntries: (found: (some: object[]) => void) => found(left.shift()!) };
      };
      return { isFile: false, isDirectory: true, name, createReader };
    };
    const cats = folder(
      'cat',
      Array.from({ length: count / 1000 }, () => new Array<object>(1000).fill(entry)),
    );
    const root = { webkitGetAsEntry: () => folder('images', [[cats]]) };
    const placed = await filesOfTransfer({ items: [root], files: [] } as unknown as DataTransfer);
    expect(placed).toHaveLength(count);
    expect(placed.at(-1)).toEqual({ folder: 'cat', file: image });
  });

  test('a model comes with its configuration', async () => {
    const own = await readOwnModel([file('net.onnx', 'x'), file('preprocessor_config.json', '{"size":224}')]);
    expect(own).toMatchObject({ name: 'net.onnx', preprocessorConfig: { size: 224 }, config: undefined });
  });

  test('a configuration can come later', async () => {
    const own = await readOwnModel([file('net.onnx', 'x'), file('config.json', '{"a":1}')]);
    const later = await withConfiguration(own, [file('preprocessor_config.json', '{"size":224}')]);
    expect(later).toEqual({ ...own, preprocessorConfig: { size: 224 } });
  });

  test('of several models the unquantized one is taken', async () => {
    expect((await readOwnModel([file('model_q4.onnx'), file('model.onnx')])).name).toBe('model.onnx');
  });

  test.each([
    [[file('readme.txt')], /no \.onnx/],
    [[file('a.onnx'), file('b.onnx')], /2 models/],
    [[file('a.onnx'), file('config.json', '{')], /config\.json is no JSON/],
  ])('files that are no model are refused, case %#', async (files, message) => {
    await expect(readOwnModel(files)).rejects.toThrow(message);
  });

  test('are listed in a few words', () => {
    const refused = (...names: string[]) => names.map((name) => ({ name, reason: 'not an image' }));
    expect(listed(refused('a'))).toBe('“a” (not an image)');
    expect(listed(refused('a', 'b'))).toBe('“a” (not an image) and “b” (not an image)');
    expect(listed(refused('a', 'b', 'c'))).toBe('“a” (not an image) and 2 other files');
  });
});

describe('a project as a file', () => {
  const jpeg = (contents: string) => new Blob([contents], { type: 'image/jpeg' });

  async function saved(): Promise<Uint8Array<ArrayBuffer>> {
    const studio = new Studio(memoryShelf(), host().around);
    studio.renameProject('pets');
    // Names that are no folder's, and that some systems take for the same.
    studio.collection.addClasses([
      { name: 'a/b', images: [jpeg('1'), jpeg('2')] },
      { name: 'A-B', images: [jpeg('3')] },
      { name: '..', images: [] },
    ]);
    studio.setup.take({ name: 'own.onnx', model: new Blob(['weights']), config: { a: 1 } });
    studio.setup.set({ epochs: 5 });
    const zip = await writeProject(studio);
    await studio.saved();
    return new Uint8Array(await zip.arrayBuffer());
  }

  test('comes back as it was', async () => {
    const zip = await saved();
    const paths = Object.keys(unzipSync(zip)).filter((path) => path.startsWith('images/'));
    expect(new Set(paths.map((path) => path.toLowerCase().split('/')[1])).size).toBe(2);
    const project = await readProject(new Blob([zip]));
    expect(project).toMatchObject({ name: 'pets', kind: 'own', settings: { epochs: 5 } });
    expect(project.own).toMatchObject({ name: 'own.onnx', config: { a: 1 } });
    expect(await project.own!.model.text()).toBe('weights');
    const contents = project.classes.map(async ({ name, files }) => [
      name,
      await Promise.all(files.map((one) => one.text())),
      files.map(({ type }) => type),
    ]);
    expect(await Promise.all(contents)).toEqual([
      ['a/b', ['1', '2'], ['image/jpeg', 'image/jpeg']],
      ['A-B', ['3'], ['image/jpeg']],
      ['..', [], []],
    ]);
  });

  test('may have thousands of images', async () => {
    const studio = new Studio(memoryShelf(), host().around);
    // What ends a file in a zip may also be in an image.
    studio.collection.addClasses([
      { name: 'many', images: Array.from({ length: 5000 }, (_, i) => jpeg(`PK\x07\x08${i}`)) },
    ]);
    const { classes } = await readProject(await writeProject(studio));
    await studio.saved();
    expect(classes[0].files).toHaveLength(5000);
    expect(await classes[0].files[4999].text()).toBe('PK\x07\x084999');
  });

  const changed = async (change: (files: Record<string, Uint8Array>) => void): Promise<Blob> => {
    const files = unzipSync(await saved());
    change(files);
    return new Blob([zipSync(files, { level: 1 }) as Uint8Array<ArrayBuffer>]);
  };
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

  test.each([
    ['is no zip', async () => new Blob(['no zip']), /cannot be unpacked/],
    ['has nothing of a project', async () => changed((files) => delete files['project.json']), /no project\.json/],
    ['has another format', async () => changed((files) => (files['project.json'] = json({ a: 1 }))), /damaged/],
    ['lacks its model', async () => changed((files) => delete files['model/model.onnx']), /no model\/model\.onnx/],
    [
      'lacks an image',
      async () => changed((files) => delete files[Object.keys(files).find((path) => path.startsWith('images/'))!]),
      /it has no images/,
    ],
    ['unpacks to much more', async () => changed((files) => (files.zeros = new Uint8Array(60e6))), /unpacked/],
  ])('that %s is refused', async (_, file, message) => {
    await expect(readProject(await file())).rejects.toThrow(message);
  });
});

test.each([
  [2, 'The brightest parts speak most for b: at the top right.'],
  [0, 'The brightest parts speak most for b: at the top left.'],
  [4, 'The brightest parts speak most for b: in the middle.'],
  [3, 'The brightest parts speak most for b: on the left.'],
  [7, 'The brightest parts speak most for b: at the bottom.'],
])('a map with its strongest part in cell %i is put into words', (cell, words) => {
  const area = { left: 0, top: 0, width: 1, height: 1 };
  const map = { width: 3, height: 3, values: new Float32Array(9).fill(-1), peak: 5 };
  map.values[cell] = 5;
  expect(explanationInWords('b', { map, area })).toBe(words);
  expect(explanationInWords('b', { map: { ...map, peak: 0 }, area })).toBe('No part of the image speaks for b.');
});
