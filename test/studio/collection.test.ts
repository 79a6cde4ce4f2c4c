// Classes and images, and how removals come back.
import { describe, expect, test } from 'vitest';
import { memoryShelf } from '../../src/studio/state/shelf.ts';
import { Studio } from '../../src/studio/state/studio.ts';
import { host } from './fake-engine.ts';
import { filled, image, reopened } from './filled-studio.ts';

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
