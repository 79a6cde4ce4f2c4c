// The page's state, with a worker that only pretends.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ThawError } from '../../src/errors.ts';
import type { StudioHost } from '../../src/studio/state/host.ts';
import { memoryShelf, type Shelf } from '../../src/studio/state/shelf.ts';
import { Studio } from '../../src/studio/state/studio.ts';
import { type FakeOptions, host, PHOTO, PREDICTION, row } from './fake-engine.ts';

const image = (contents: string) => new Blob([contents], { type: 'image/png' });

interface Given extends FakeOptions {
  readonly shelf?: Shelf;
  readonly around?: Partial<StudioHost>;
}

const OWN = { name: 'own.onnx', model: image('model'), preprocessorConfig: { size: 224 } };

const opened: Studio[] = [];
afterEach(async () => {
  // No timer outlives its test.
  for (const studio of opened.splice(0)) await studio.saved();
});

/** Two classes, `a` and `b`, with two images each. */
function filled(given: Given = {}) {
  const { shelf = memoryShelf(), around: own, ...options } = given;
  const { around, engines } = host(options, own);
  const studio = new Studio(shelf, around);
  opened.push(studio);
  for (const [i, name] of ['a', 'b'].entries()) {
    const { id } = studio.classes.value[i];
    studio.rename(id, name);
    studio.addImages(id, [image(`${name}1`), image(`${name}2`)]);
  }
  return { studio, engines, shelf };
}

/** The page opened again on the same shelf. */
async function reopened(shelf: Shelf, options: FakeOptions = {}, own: Partial<StudioHost> = {}) {
  const { around, engines } = host(options, own);
  const studio = new Studio(shelf, around);
  opened.push(studio);
  await studio.restore();
  return { studio, engines };
}

const until = (holds: () => boolean) => vi.waitFor(() => expect(holds()).toBe(true), { timeout: 20_000, interval: 1 });

describe('images and classes', () => {
  test('begin as two empty classes', () => {
    const studio = new Studio(memoryShelf(), host().around);
    expect(studio.classes.value.map(({ name, images }) => [name, images.length])).toEqual([
      ['Class 1', 0],
      ['Class 2', 0],
    ]);
  });

  test('whole folders take the place of classes that are empty and unnamed', () => {
    const { studio } = filled();
    studio.addClass();
    studio.addClasses([
      { name: 'b', images: [image('b3')] },
      { name: 'c', images: [image('c1')] },
    ]);
    expect(studio.classes.value.map(({ name, images }) => [name, images.length])).toEqual([
      ['a', 2],
      ['b', 3],
      ['c', 1],
    ]);
  });

  test('images that are pasted go where the last ones went', () => {
    const { studio } = filled();
    const [a, b] = studio.classes.value;
    expect(studio.target).toBe(b.id);
    studio.removeClass(b.id);
    expect(studio.target).toBe(a.id);
  });
});

describe('training', () => {
  test('asks for what is missing, and asks nothing of the worker', async () => {
    const { studio, engines } = filled();
    const { id, images } = studio.classes.value[1];
    studio.removeImage(id, images[0].id);
    await studio.train();
    expect(studio.board.problems.value.images?.message).toBe('“b” has only one image.');
    expect(engines).toHaveLength(0);
    studio.addImages(id, [image('b3')]);
    expect(studio.board.problems.value.images).toBeUndefined();
  });

  test('goes from opening to a finished model', async () => {
    const { studio, engines } = filled();
    await studio.train();
    const [{ request, asked }] = engines;
    expect(asked).toEqual(['open', 'train', 'finish']);
    expect(request).toMatchObject({ classes: ['a', 'b'], project: 'studio-1', preprocessorConfig: { size: 80 } });
    expect(request!.samples).toMatchObject(['a', 'a', 'b', 'b'].map((label) => ({ label })));
    const { run, result, ready, busy } = studio.teaching;
    expect(run.value).toMatchObject({ phase: 'done', why: 'finished', trained: [0, 0, 2, 4] });
    expect(run.value.rows.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
    expect([ready.value, busy.value]).toEqual([true, false]);
    expect(result.value!.files[0][0]).toBe('onnx/model.onnx');
    expect(await result.value!.mistakes[0].blob.text()).toBe('b2');
    expect(studio.changed.value).toBe(false);
    studio.addImages(studio.classes.value[0].id, [image('a3')]);
    expect(studio.changed.value).toBe(true);
  });

  test('pauses, goes on and stops early with what it has', async () => {
    const { studio, engines } = filled({ holdAt: 2 });
    const training = studio.train();
    await until(() => studio.teaching.run.value.rows.length === 1);
    await studio.teaching.pause();
    expect(studio.teaching.run.value.phase).toBe('paused');
    expect(await studio.teaching.predict(image('x'))).toEqual(PREDICTION);
    await studio.teaching.resume();
    expect(studio.teaching.run.value.phase).toBe('training');
    await studio.teaching.stop();
    await training;
    expect(studio.teaching.run.value).toMatchObject({ phase: 'interrupted', why: 'interrupted' });
    expect(studio.teaching.result.value).toBeDefined();
    expect(engines[0].asked).toEqual(['open', 'train', 'pause', 'predict', 'resume', 'stop', 'finish']);
  });

  test('that is stopped before it has learned anything leaves nothing', async () => {
    const { studio } = filled({ holdAt: 1 });
    const training = studio.train();
    await until(() => studio.teaching.run.value.phase === 'training');
    await studio.teaching.stop();
    await training;
    expect(studio.teaching.run.value.phase).toBe('idle');
    expect(studio.teaching.result.value).toBeUndefined();
    expect(studio.teaching.ready.value).toBe(false);
  });

  test.each([
    ['model', new ThawError('bad-model', 'it is no ONNX file', 'Give an .onnx')],
    ['images', new ThawError('bad-data', 'nothing can be read', 'Give images')],
    ['train', new ThawError('diverged', 'the loss is no number', 'Lower the rate')],
    ['train', new TypeError('undefined is no function')],
  ] as const)('shows beside the %s what went wrong there', async (place, error) => {
    const { studio } = filled({ fails: { open: error } });
    await studio.train();
    const problem = studio.board.problems.value[place]!;
    expect(problem.message.toLowerCase()).toBe(`${error.message.toLowerCase()}.`);
    expect(problem.hint).toBeTruthy();
    expect(studio.teaching.run.value.phase).toBe('idle');
  });

  test('marks the images that cannot be read', async () => {
    const { studio, engines } = filled({ holdAt: 1 });
    const training = studio.train();
    await until(() => studio.teaching.run.value.phase === 'training');
    engines[0].emit({ type: 'problem', sample: 2, reason: 'no image' });
    engines[0].resume('go on');
    await training;
    expect([...studio.teaching.unreadable.value]).toEqual([studio.classes.value[1].images[0].id]);
  });

  test('starts another worker after one has died', async () => {
    const { studio, engines } = filled({ holdAt: 2 });
    void studio.train();
    await until(() => studio.teaching.run.value.rows.length === 1);
    engines[0].end(new ThawError('ended', 'the worker is out of memory', 'Reload'));
    expect(studio.board.problems.value.train?.message).toContain('out of memory');
    expect(studio.teaching.run.value.phase).toBe('resting');
    void studio.teaching.resume();
    await until(() => engines.length === 2);
    expect(engines[1].asked[0]).toBe('reopen');
  });
});

describe('a closed tab', () => {
  test('keeps images, names, settings and the model', async () => {
    const { studio, shelf } = filled();
    studio.take(OWN);
    studio.set({ epochs: 7 });
    studio.removeImage(studio.classes.value[0].id, studio.classes.value[0].images[0].id);
    await studio.saved();
    const { studio: again } = await reopened(shelf);
    expect(again.classes.value.map(({ name, images }) => [name, images.length])).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
    expect(await again.classes.value[0].images[0].blob.text()).toBe('a2');
    expect(again.settings.value.epochs).toBe(7);
    expect(again.kind.value).toBe('own');
    expect(again.own.value).toMatchObject({ name: 'own.onnx', preprocessorConfig: { size: 224 } });
    // A new id is none of those that are taken.
    const ids = () => again.classes.value.flatMap(({ id, images }) => [id, ...images.map((one) => one.id)]);
    again.addImages(again.addClass(), [image('c')]);
    expect(new Set(ids()).size).toBe(ids().length);
  });

  test('in the middle of a training waits to be continued', async () => {
    const { studio, shelf } = filled({ holdAt: 3 });
    void studio.train();
    await until(() => studio.teaching.run.value.rows.length === 2);
    await studio.saved();
    const { studio: again, engines } = await reopened(shelf, { epochsDone: 1 });
    expect(again.teaching.run.value).toMatchObject({ phase: 'resting', classes: ['a', 'b'] });
    expect(engines).toHaveLength(0);
    await again.teaching.resume();
    expect(engines[0].asked).toEqual(['reopen', 'train', 'finish']);
    expect(again.teaching.run.value.rows).toEqual([1, 2, 3, 4].map(row));
    expect(again.teaching.run.value.phase).toBe('done');
  });

  test('after the training has its model again, and images that were removed since', async () => {
    const { studio, shelf } = filled();
    await studio.train();
    const [, b] = studio.classes.value;
    studio.removeImage(b.id, b.images[1].id);
    await studio.saved();
    const { studio: again, engines } = await reopened(shelf, { epochsDone: 4 });
    expect(engines[0].asked).toEqual(['reopen', 'finish']);
    expect(again.teaching.run.value.phase).toBe('done');
    expect(await again.teaching.result.value!.mistakes[0].blob.text()).toBe('b2');
    // The next training needs it no more.
    again.addImages(b.id, [image('b3')]);
    await again.train();
    await again.saved();
    expect(await shelf.get([`project/1/image/${b.images[1].id}`])).toEqual([undefined]);
  });

  test('says so where the browser keeps nothing', async () => {
    const shelf = { ...memoryShelf(), put: () => Promise.reject(new Error('the quota is used up')) };
    const { studio } = filled({ shelf });
    await studio.saved();
    expect(studio.board.problems.value.images?.message).toContain('quota');
  });
});

describe('a removal', () => {
  const shown = ({ classes }: Studio) => classes.value.map(({ name, images }) => [name, images.map(({ id }) => id)]);

  test('of images and classes is taken back, the last one first', async () => {
    const { studio, shelf } = filled();
    const before = shown(studio);
    const [a, b] = studio.classes.value;
    studio.removeImage(a.id, a.images[0].id);
    studio.removeClass(b.id);
    studio.removeImage(a.id, a.images[1].id);
    expect(shown(studio)).toEqual([['a', []]]);
    expect(studio.undo()).toMatchObject({ kind: 'image', index: 0 });
    expect(studio.undo()).toMatchObject({ kind: 'class', index: 1 });
    studio.undo();
    expect(shown(studio)).toEqual(before);
    expect(studio.undo()).toBeUndefined();
    await studio.saved();
    const { studio: again } = await reopened(shelf);
    expect(shown(again)).toEqual(before);
    expect(await again.classes.value[1].images[0].blob.text()).toBe('b1');
  });

  test('is gone from the shelf until it is taken back', async () => {
    const { studio, shelf } = filled();
    const [a] = studio.classes.value;
    studio.removeImage(a.id, a.images[0].id);
    await studio.saved();
    const key = `project/1/image/${a.images[0].id}`;
    expect(await shelf.get([key])).toEqual([undefined]);
    studio.undo();
    await studio.saved();
    expect(await shelf.get([key])).toEqual([a.images[0].blob]);
  });
});

describe('the model', () => {
  const photograph = new Blob(['p'], { type: 'image/jpeg' });

  test('suits the images until somebody chooses', () => {
    const { studio } = filled();
    expect(studio.kind.value).toBe('drawings');
    studio.addImages(studio.classes.value[0].id, Array(9).fill(photograph));
    expect(studio.kind.value).toBe('photos');
    studio.choose('drawings');
    expect(studio.kind.value).toBe('drawings');
  });

  test('for photographs is asked for before it comes, and kept for other visits and projects', async () => {
    const { studio, shelf, engines } = filled();
    studio.choose('photos');
    expect(studio.photoModel.asks.value).toBe(true);
    studio.photoModel.dismiss();
    // Neither a training nor a download begins without an answer.
    await studio.train();
    expect(studio.photoModel.asks.value).toBe(true);
    expect(engines).toHaveLength(0);
    await studio.photoModel.download();
    expect(studio.photoModel.asks.value).toBe(false);
    await studio.train();
    expect(engines[0].request).toMatchObject({ name: PHOTO.name, source: PHOTO.source });
    await studio.saved();
    const refused = async () => Promise.reject(new Error('there is no network'));
    const { studio: again } = await reopened(shelf, {}, { photoModel: refused });
    await again.addProject();
    again.choose('photos');
    expect(again.photoModel.asks.value).toBe(false);
    expect(again.photoModel.model.value).toEqual(PHOTO);
  });

  test('that does not come is reported where it was asked for, and drawings still train', async () => {
    const error = new ThawError('network', 'there is no connection to the hub', 'Choose a file');
    const { studio, engines } = filled({ around: { photoModel: () => Promise.reject(error) } });
    studio.choose('photos');
    await studio.photoModel.download();
    expect(studio.board.problems.value['photo-model']?.message).toBe('There is no connection to the hub.');
    expect(studio.photoModel.progress.value).toBeUndefined();
    studio.photoModel.dismiss();
    studio.choose('drawings');
    await studio.train();
    expect(engines[0].request!.model).toEqual(new Uint8Array([7]));
  });

  test('is not there after a download was cancelled', async () => {
    const { studio } = filled({
      around: {
        photoModel: ({ signal }) =>
          new Promise((_, reject) => {
            signal!.addEventListener('abort', () => reject(signal!.reason));
          }),
      },
    });
    studio.choose('photos');
    const download = studio.photoModel.download();
    studio.photoModel.dismiss();
    await download;
    expect(studio.photoModel.model.value).toBeUndefined();
    expect(studio.board.problems.value).toEqual({});
  });

  test('of the user is not forgotten when another one is chosen', async () => {
    const { studio, shelf } = filled();
    studio.take(OWN);
    studio.choose('drawings');
    await studio.saved();
    const { studio: again } = await reopened(shelf);
    expect(again.kind.value).toBe('drawings');
    again.choose('own');
    expect(again.own.value).toMatchObject({ name: 'own.onnx' });
  });

  test('never resets the rounds that somebody set, and reports those that it changes', () => {
    const { studio } = filled();
    expect(studio.settings.value.epochs).toBe(20);
    studio.take(OWN);
    expect(studio.settings.value.epochs).toBe(10);
    expect(studio.notice.value).toContain('10 rounds instead of 20');
    studio.set({ epochs: 7 });
    studio.choose('drawings');
    expect(studio.settings.value.epochs).toBe(7);
    expect(studio.notice.value).toBeUndefined();
    studio.resetSettings();
    expect(studio.settings.value.epochs).toBe(20);
  });

  test('of the command is taken for a new project, and for no other', async () => {
    const served = { name: 'of-command', load: async () => ({ ...OWN, name: 'of-command' }) };
    const shelf = memoryShelf();
    const { studio } = await reopened(shelf, {}, { served });
    await until(() => studio.own.value !== undefined);
    expect(studio.kind.value).toBe('own');
    studio.choose('drawings');
    await studio.saved();
    const { studio: again } = await reopened(shelf, {}, { served });
    await again.saved();
    expect(again.kind.value).toBe('drawings');
    // A command that has ended is reported.
    const gone = new ThawError('network', 'there is no connection', 'Start it again');
    const { studio: late } = await reopened(
      memoryShelf(),
      {},
      { served: { ...served, load: () => Promise.reject(gone) } },
    );
    await until(() => late.board.problems.value.model !== undefined);
  });
});

describe('projects', () => {
  const names = ({ projects }: Studio) => projects.entries.value.map(({ name }) => name).sort();

  test('are kept side by side, each with its images and its model', async () => {
    const { studio, shelf } = filled();
    studio.renameProject('letters');
    studio.take(OWN);
    await studio.addProject();
    expect(studio.images.value).toBe(0);
    expect(studio.own.value).toBeUndefined();
    studio.addImages(studio.classes.value[0].id, [image('c')]);
    await studio.saved();
    const { studio: again } = await reopened(shelf);
    expect(names(again)).toEqual(['My project', 'letters']);
    expect(again.images.value).toBe(1);
    await again.open('1');
    expect(again.classes.value.map(({ name, images }) => [name, images.length])).toEqual([
      ['a', 2],
      ['b', 2],
    ]);
    expect(again.own.value).toMatchObject({ name: 'own.onnx' });
    await again.saved();
    // The last one is open at the next visit.
    const { studio: third } = await reopened(shelf);
    expect(third.projects.current.value.name).toBe('letters');
  });

  test('leave a training where it can continue', async () => {
    const { studio, engines } = filled({ holdAt: 2 });
    void studio.train();
    await until(() => studio.teaching.run.value.rows.length === 1);
    await studio.addProject();
    expect(engines[0].terminated).toBe(true);
    expect(studio.teaching.run.value.phase).toBe('idle');
    await studio.open('1');
    expect(studio.teaching.run.value.phase).toBe('resting');
  });

  test('come from a file as one more', async () => {
    const { studio, shelf } = filled();
    const classes = [
      { name: 'x', images: [image('x1')] },
      { name: 'y', images: [image('y1'), image('y2')] },
    ];
    await studio.addContents({ name: 'My project', classes, kind: 'own', own: OWN, settings: { epochs: 3 } });
    const { studio: again } = await reopened(shelf);
    expect(names(again)).toEqual(['My project', 'My project 2']);
    expect(again.classes.value.map(({ name, images }) => [name, images.length])).toEqual([
      ['x', 1],
      ['y', 2],
    ]);
    expect(again.kind.value).toBe('own');
    expect(again.settings.value.epochs).toBe(3);
  });

  test('are deleted with their images and trainings, and another one is opened', async () => {
    const { studio, shelf, engines } = filled();
    await studio.addProject();
    await studio.saved();
    const [key] = ['project/1/outline'];
    expect(await shelf.get([key])).not.toEqual([undefined]);
    await studio.open('1');
    await studio.deleteProject('1');
    await studio.saved();
    expect(await shelf.get([key])).toEqual([undefined]);
    expect(studio.projects.entries.value.map(({ id }) => id)).toEqual(['2']);
    expect(engines.at(-1)!.forgotten).toEqual(['studio-1']);
    await studio.deleteProject('2');
    expect(studio.projects.entries.value).toHaveLength(1);
    expect(studio.images.value).toBe(0);
  });

  test('are all deleted, with the models and the page', async () => {
    let isPageKept = true;
    const clearPage = async () => {
      isPageKept = false;
    };
    const { studio, shelf, engines } = filled({ around: { clearPage } });
    await studio.photoModel.download();
    await studio.train();
    await studio.addProject();
    await studio.deleteAll();
    expect(isPageKept).toBe(false);
    // Other pages of the origin keep theirs.
    expect(engines.at(-1)!.forgotten).toEqual(['studio-1', 'studio-2']);
    const { studio: again } = await reopened(shelf);
    expect(again.images.value).toBe(0);
    expect(again.projects.entries.value).toHaveLength(1);
    expect(again.photoModel.model.value).toBeUndefined();
    expect(again.teaching.run.value.phase).toBe('idle');
  });
});
