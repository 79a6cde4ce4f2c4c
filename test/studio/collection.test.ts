// Classes and images, and how removals come back.
import { describe, expect, test } from 'vitest';
import { ThawError } from '../../src/errors.ts';
import { memoryShelf } from '../../src/studio/state/shelf.ts';
import { Studio } from '../../src/studio/state/studio.ts';
import { host } from './fake-engine.ts';
import { filled, image, reopened, until } from './filled-studio.ts';

describe('images and classes', () => {
  test('begin as two empty classes', () => {
    const studio = new Studio(memoryShelf(), host().around);
    expect(studio.collection.classes.value.map(({ name, images }) => [name, images.length])).toEqual([
      ['Class 1', 0],
      ['Class 2', 0],
    ]);
  });

  test('whole folders take the place of classes that are empty and unnamed', () => {
    const { studio } = filled();
    studio.collection.addClass();
    studio.collection.addClasses([
      { name: 'b', images: [image('b3')] },
      { name: 'c', images: [image('c1')] },
    ]);
    expect(studio.collection.classes.value.map(({ name, images }) => [name, images.length])).toEqual([
      ['a', 2],
      ['b', 3],
      ['c', 1],
    ]);
  });

  test('an image is found by its id, in whichever class it is', () => {
    const { studio } = filled();
    const { collection } = studio;
    const [a, b] = collection.classes.value;
    const { id, blob } = a.images[0];
    expect(collection.imageOf(id)).toBe(blob);
    collection.moveImage(id, a.id, b.id);
    expect(collection.imageOf(id)).toBe(blob);
    collection.removeClass(b.id);
    expect(collection.imageOf(id)).toBeUndefined();
  });

  test('images that are pasted go where the last ones went', () => {
    const { studio } = filled();
    const [a, b] = studio.collection.classes.value;
    expect(studio.collection.target).toBe(b.id);
    studio.collection.removeClass(b.id);
    expect(studio.collection.target).toBe(a.id);
  });
});

describe('a removal', () => {
  const shown = ({ collection }: Studio) =>
    collection.classes.value.map(({ name, images }) => [name, images.map(({ id }) => id)]);

  test('of images and classes is taken back, the last one first', async () => {
    const { studio, shelf } = filled();
    const before = shown(studio);
    const [a, b] = studio.collection.classes.value;
    studio.collection.removeImage(a.id, a.images[0].id);
    studio.collection.removeClass(b.id);
    studio.collection.removeImage(a.id, a.images[1].id);
    expect(shown(studio)).toEqual([['a', []]]);
    expect(studio.collection.undo()).toMatchObject({ kind: 'image', index: 0 });
    expect(studio.collection.undo()).toMatchObject({ kind: 'class', index: 1 });
    studio.collection.undo();
    expect(shown(studio)).toEqual(before);
    expect(studio.collection.undo()).toBeUndefined();
    await studio.saved();
    const { studio: again } = await reopened(shelf);
    expect(shown(again)).toEqual(before);
    expect(await again.collection.classes.value[1].images[0].blob.text()).toBe('b1');
  });

  test('is gone from the shelf until it is taken back', async () => {
    const { studio, shelf } = filled();
    const [a] = studio.collection.classes.value;
    studio.collection.removeImage(a.id, a.images[0].id);
    await studio.saved();
    const key = `project/1/image/${a.images[0].id}`;
    expect(await shelf.get([key])).toEqual([undefined]);
    studio.collection.undo();
    await studio.saved();
    expect(await shelf.get([key])).toEqual([a.images[0].blob]);
  });
});

describe('an image that is probably in the wrong class', () => {
  const issues = [
    { sample: 1, label: 'a', likely: 'b', probability: 0.9 },
    { sample: 2, label: 'b', likely: 'a', probability: 0.7 },
  ];
  const asked = ({ doubts }: Studio) => doubts.value.map(({ image, from, to }) => [image.id, from.name, to?.name]);
  const shown = ({ collection }: Studio) => collection.classes.value.map(({ images }) => images.map(({ id }) => id));

  test('is asked for after the training, until it is moved or kept', async () => {
    const { studio, shelf } = filled({ issues });
    await studio.train();
    await until(() => studio.doubts.value.length === 2);
    const [a, b] = studio.collection.classes.value;
    expect(asked(studio)).toEqual([
      [a.images[1].id, 'a', 'b'],
      [b.images[0].id, 'b', 'a'],
    ]);
    studio.collection.moveImage(a.images[1].id, a.id, b.id);
    expect(asked(studio)).toEqual([[b.images[0].id, 'b', 'a']]);
    expect(studio.changed.value).toBe(true);
    studio.collection.confirm(b.images[0].id);
    expect(asked(studio)).toEqual([]);

    // The next visit knows the decisions, and so does the next training.
    await studio.saved();
    const { studio: again, engines } = await reopened(shelf, { epochsDone: 4 });
    await until(() => again.teaching.result.value !== undefined);
    expect(asked(again)).toEqual([]);
    expect(engines[0].asked).toEqual(['reopen', 'finish', 'load']);
    expect(shown(again)).toEqual(shown(studio));
  });

  test('is asked for again when its move is undone', async () => {
    const { studio } = filled({ issues });
    await studio.train();
    await until(() => studio.doubts.value.length === 2);
    const before = [asked(studio), shown(studio)];
    const [a, b] = studio.collection.classes.value;
    studio.collection.moveImage(a.images[1].id, a.id, b.id);
    studio.collection.removeImage(b.id, b.images[0].id);
    expect(studio.collection.undo()).toMatchObject({ kind: 'image' });
    expect(studio.collection.undo()).toMatchObject({ kind: 'move', to: b.id });
    expect([asked(studio), shown(studio)]).toEqual(before);
    expect(await studio.collection.classes.value[0].images[1].blob.text()).toBe('a2');
  });

  test('is not asked for if its class has another name or is gone', async () => {
    const { studio } = filled({ issues });
    await studio.train();
    await until(() => studio.doubts.value.length === 2);
    const [a, b] = studio.collection.classes.value;
    studio.collection.rename(b.id, 'c');
    expect(asked(studio)).toEqual([[a.images[1].id, 'a', undefined]]);
    studio.collection.removeClass(a.id);
    expect(asked(studio)).toEqual([]);
  });

  test('that cannot be found is reported, and the model can be used', async () => {
    const error = new ThawError('bad-model', 'the model has no head', 'Use another one');
    const { studio } = filled({ fails: { labelIssues: error } });
    await studio.train();
    await until(() => studio.board.problems.value.doubts !== undefined);
    expect(studio.teaching.run.value).toMatchObject({ phase: 'done' });
    expect(studio.teaching.run.value.doubts).toBeUndefined();
    expect(studio.teaching.checking.value).toBe(false);
  });
});
