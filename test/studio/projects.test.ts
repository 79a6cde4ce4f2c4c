// Projects side by side.
import { describe, expect, test } from 'vitest';
import type { Studio } from '../../src/studio/state/studio.ts';
import { filled, image, OWN, reopened, until } from './filled-studio.ts';

describe('projects', () => {
  const names = ({ projects }: Studio) => projects.entries.value.map(({ name }) => name).sort();

  test('are kept side by side, each with its images and its model', async () => {
    const { studio, shelf } = filled();
    studio.renameProject('letters');
    studio.setup.take(OWN);
    await studio.addProject();
    expect(studio.collection.images.value).toBe(0);
    expect(studio.setup.own.value).toBeUndefined();
    studio.collection.addImages(studio.collection.classes.value[0].id, [image('c')]);
    await studio.saved();
    const { studio: again } = await reopened(shelf);
    expect(names(again)).toEqual(['My project', 'letters']);
    expect(again.collection.images.value).toBe(1);
    await again.open('1');
    expect(again.collection.classes.value.map(({ name, images }) => [name, images.length])).toEqual([
      ['a', 2],
      ['b', 2],
    ]);
    expect(again.setup.own.value).toMatchObject({ name: 'own.onnx' });
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
    expect(again.collection.classes.value.map(({ name, images }) => [name, images.length])).toEqual([
      ['x', 1],
      ['y', 2],
    ]);
    expect(again.setup.kind.value).toBe('own');
    expect(again.setup.settings.value.epochs).toBe(3);
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
    expect(studio.collection.images.value).toBe(0);
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
    expect(again.collection.images.value).toBe(0);
    expect(again.projects.entries.value).toHaveLength(1);
    expect(again.photoModel.model.value).toBeUndefined();
    expect(again.teaching.run.value.phase).toBe('idle');
  });
});
