// A training, and what is left of it when the page was closed.
import { describe, expect, test } from 'vitest';
import { UNKNOWN } from '../../src/data/index.ts';
import { ThawError } from '../../src/errors.ts';
import { titleOf } from '../../src/studio/state/classes.ts';
import { memoryShelf } from '../../src/studio/state/shelf.ts';
import type { UnknownReport } from '../../src/tasks/index.ts';
import { EXPLANATION, PREDICTION, row } from './fake-engine.ts';
import { filled, image, OWN, reopened, until } from './filled-studio.ts';

describe('training', () => {
  test('asks for what is missing, and asks nothing of the worker', async () => {
    const { studio, engines } = filled();
    const { id, images } = studio.collection.classes.value[1];
    studio.collection.removeImage(id, images[0].id);
    await studio.train();
    expect(studio.board.problems.value.images?.message).toBe('“b” has only one image.');
    expect(engines).toHaveLength(0);
    studio.collection.addImages(id, [image('b3')]);
    expect(studio.board.problems.value.images).toBeUndefined();
  });

  test('goes from opening to a finished model', async () => {
    const { studio, engines } = filled();
    await studio.train();
    const [{ request, asked }] = engines;
    expect(asked).toEqual(['open', 'train', 'finish', 'load', 'labelIssues']);
    expect(request).toMatchObject({ classes: ['a', 'b'], project: 'studio-1', preprocessorConfig: { size: 80 } });
    expect(request!.samples).toMatchObject(['a', 'a', 'b', 'b'].map((label) => ({ label })));
    const { run, result, ready, busy } = studio.teaching;
    expect(run.value).toMatchObject({ phase: 'done', why: 'finished', trained: [0, 0, 2, 4] });
    expect(run.value.rows.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
    expect([ready.value, busy.value]).toEqual([true, false]);
    expect(result.value!.files[0][0]).toBe('onnx/model.onnx');
    expect(await result.value!.mistakes[0].blob.text()).toBe('b2');
    expect(studio.changed.value).toBe(false);
    studio.collection.addImages(studio.collection.classes.value[0].id, [image('a3')]);
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
    expect(engines[0].asked).toEqual([
      'open',
      'train',
      'pause',
      'predict',
      'resume',
      'stop',
      'finish',
      'load',
      'labelIssues',
    ]);
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
    expect([...studio.teaching.unreadable.value]).toEqual([studio.collection.classes.value[1].images[0].id]);
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

describe('the finished model', () => {
  /** As far as the page looks at it. */
  const unknown = { known: { samples: 4 } } as UnknownReport;

  test('answers, recognises what is none of the classes, and is explained', async () => {
    const { studio, engines } = filled({ finished: { unknown } });
    await studio.train();
    expect(engines[0].loaded).toMatchObject({
      ...{ task: 'classification', config: { id2label: { 0: 'a' } }, settings: { unknown: true } },
    });
    expect(studio.teaching.result.value!.unknown).toEqual(unknown);
    expect(await studio.teaching.predict(image('x'))).toEqual({ ...PREDICTION, unknown: true, unknownScore: 0.9 });
    expect(await studio.teaching.explain(image('x'))).toEqual(EXPLANATION);
  });

  test('is not asked for what it cannot recognise', async () => {
    const { studio, engines } = filled();
    await studio.train();
    expect(engines[0].loaded!.settings).toEqual({ unknown: false });
  });

  test('is put away by the next training, during which nothing is explained', async () => {
    const { studio, engines } = filled();
    await studio.train();
    const training = studio.train();
    expect(await studio.teaching.explain(image('x'))).toBeUndefined();
    await training;
    expect(engines[0].asked.filter((method) => method === 'unload')).toHaveLength(1);
  });
});

describe('examples of none of the classes', () => {
  test('are given to the training, which has no class for them', async () => {
    const { studio, engines } = filled();
    const none = studio.collection.addClass(UNKNOWN);
    studio.collection.addImages(none, [image('x')]);
    studio.collection.addImages(studio.collection.addClass('c'), [image('c1'), image('c2')]);
    // It stays behind the classes, which have the places of the model's outputs.
    expect(studio.collection.classes.value.map(titleOf)).toEqual(['a', 'b', 'c', 'None of these']);
    await studio.train();
    const { request } = engines[0];
    expect(request!.classes).toEqual(['a', 'b', 'c']);
    expect(request!.samples.map((sample) => 'label' in sample && sample.label)).toEqual([
      'a',
      'a',
      'b',
      'b',
      'c',
      'c',
      UNKNOWN,
    ]);
    expect(studio.teaching.run.value.classes).toEqual(['a', 'b', 'c']);
    expect(studio.changed.value).toBe(false);
    studio.collection.addImages(none, [image('y')]);
    expect(studio.changed.value).toBe(true);
  });

  test('do not count as a class', async () => {
    const { studio } = filled();
    studio.collection.addImages(studio.collection.addClass(UNKNOWN), [image('x')]);
    studio.collection.removeClass(studio.collection.classes.value[1].id);
    await studio.train();
    expect(studio.board.problems.value.images?.message).toBe('One class alone cannot be told from another.');
  });
});

describe('a closed tab', () => {
  test('keeps images, names, settings and the model', async () => {
    const { studio, shelf } = filled();
    studio.setup.take(OWN);
    studio.setup.set({ epochs: 7 });
    studio.collection.removeImage(
      studio.collection.classes.value[0].id,
      studio.collection.classes.value[0].images[0].id,
    );
    await studio.saved();
    const { studio: again } = await reopened(shelf);
    expect(again.collection.classes.value.map(({ name, images }) => [name, images.length])).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
    expect(await again.collection.classes.value[0].images[0].blob.text()).toBe('a2');
    expect(again.setup.settings.value.epochs).toBe(7);
    expect(again.setup.kind.value).toBe('own');
    expect(again.setup.own.value).toMatchObject({ name: 'own.onnx', preprocessorConfig: { size: 224 } });
    // A new id is none of those that are taken.
    const ids = () => again.collection.classes.value.flatMap(({ id, images }) => [id, ...images.map((one) => one.id)]);
    again.collection.addImages(again.collection.addClass(), [image('c')]);
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
    expect(engines[0].asked).toEqual(['reopen', 'train', 'finish', 'load', 'labelIssues']);
    expect(again.teaching.run.value.rows).toEqual([1, 2, 3, 4].map(row));
    expect(again.teaching.run.value.phase).toBe('done');
  });

  test('after the training has its model again, and images that were removed since', async () => {
    const { studio, shelf } = filled();
    await studio.train();
    const [, b] = studio.collection.classes.value;
    studio.collection.removeImage(b.id, b.images[1].id);
    await studio.saved();
    const { studio: again, engines } = await reopened(shelf, { epochsDone: 4 });
    expect(engines[0].asked).toEqual(['reopen', 'finish', 'load']);
    expect(again.teaching.run.value.phase).toBe('done');
    expect(await again.teaching.result.value!.mistakes[0].blob.text()).toBe('b2');
    // The next training needs it no more.
    again.collection.addImages(b.id, [image('b3')]);
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
