// The model and the settings of a training.
import { describe, expect, test } from 'vitest';
import { ThawError } from '../../src/errors.ts';
import { memoryShelf } from '../../src/studio/state/shelf.ts';
import { PHOTO } from './fake-engine.ts';
import { filled, OWN, reopened, until } from './filled-studio.ts';

describe('the model', () => {
  const photograph = new Blob(['p'], { type: 'image/jpeg' });

  test('suits the images until somebody chooses', () => {
    const { studio } = filled();
    expect(studio.setup.kind.value).toBe('drawings');
    studio.collection.addImages(studio.collection.classes.value[0].id, Array(9).fill(photograph));
    expect(studio.setup.kind.value).toBe('photos');
    studio.setup.choose('drawings');
    expect(studio.setup.kind.value).toBe('drawings');
  });

  test('for photographs is asked for before it comes, and kept for other visits and projects', async () => {
    const { studio, shelf, engines } = filled();
    studio.setup.choose('photos');
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
    again.setup.choose('photos');
    expect(again.photoModel.asks.value).toBe(false);
    expect(again.photoModel.model.value).toEqual(PHOTO);
  });

  test('that does not come is reported where it was asked for, and drawings still train', async () => {
    const error = new ThawError('network', 'there is no connection to the hub', 'Choose a file');
    const { studio, engines } = filled({ around: { photoModel: () => Promise.reject(error) } });
    studio.setup.choose('photos');
    await studio.photoModel.download();
    expect(studio.board.problems.value['photo-model']?.message).toBe('There is no connection to the hub.');
    expect(studio.photoModel.progress.value).toBeUndefined();
    studio.photoModel.dismiss();
    studio.setup.choose('drawings');
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
    studio.setup.choose('photos');
    const download = studio.photoModel.download();
    studio.photoModel.dismiss();
    await download;
    expect(studio.photoModel.model.value).toBeUndefined();
    expect(studio.board.problems.value).toEqual({});
  });

  test('of the user is not forgotten when another one is chosen', async () => {
    const { studio, shelf } = filled();
    studio.setup.take(OWN);
    studio.setup.choose('drawings');
    await studio.saved();
    const { studio: again } = await reopened(shelf);
    expect(again.setup.kind.value).toBe('drawings');
    again.setup.choose('own');
    expect(again.setup.own.value).toMatchObject({ name: 'own.onnx' });
  });

  test('never resets the rounds that somebody set, and reports those that it changes', () => {
    const { studio } = filled();
    expect(studio.setup.settings.value.epochs).toBe(20);
    studio.setup.take(OWN);
    expect(studio.setup.settings.value.epochs).toBe(10);
    expect(studio.setup.notice.value).toContain('10 rounds instead of 20');
    studio.setup.set({ epochs: 7 });
    studio.setup.choose('drawings');
    expect(studio.setup.settings.value.epochs).toBe(7);
    expect(studio.setup.notice.value).toBeUndefined();
    studio.setup.resetSettings();
    expect(studio.setup.settings.value.epochs).toBe(20);
  });

  test('of the command is taken for a new project, and for no other', async () => {
    const served = { name: 'of-command', load: async () => ({ ...OWN, name: 'of-command' }) };
    const shelf = memoryShelf();
    const { studio } = await reopened(shelf, {}, { served });
    await until(() => studio.setup.own.value !== undefined);
    expect(studio.setup.kind.value).toBe('own');
    studio.setup.choose('drawings');
    await studio.saved();
    const { studio: again } = await reopened(shelf, {}, { served });
    await again.saved();
    expect(again.setup.kind.value).toBe('drawings');
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
