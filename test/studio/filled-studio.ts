/** A studio that has images, with a worker that only pretends. */
import { afterEach, expect, vi } from 'vitest';
import type { StudioHost } from '../../src/studio/state/host.ts';
import { memoryShelf, type Shelf } from '../../src/studio/state/shelf.ts';
import { Studio } from '../../src/studio/state/studio.ts';
import { type FakeOptions, host } from './fake-engine.ts';

export const image = (contents: string) => new Blob([contents], { type: 'image/png' });

interface Given extends FakeOptions {
  readonly shelf?: Shelf;
  readonly around?: Partial<StudioHost>;
}

export const OWN = { name: 'own.onnx', model: image('model'), preprocessorConfig: { size: 224 } };

const opened: Studio[] = [];
afterEach(async () => {
  // No timer outlives its test.
  for (const studio of opened.splice(0)) await studio.saved();
});

/** Two classes, `a` and `b`, with two images each. */
export function filled(given: Given = {}) {
  const { shelf = memoryShelf(), around: own, ...options } = given;
  const { around, engines } = host(options, own);
  const studio = new Studio(shelf, around);
  opened.push(studio);
  for (const [i, name] of ['a', 'b'].entries()) {
    const { id } = studio.collection.classes.value[i];
    studio.collection.rename(id, name);
    studio.collection.addImages(id, [image(`${name}1`), image(`${name}2`)]);
  }
  return { studio, engines, shelf };
}

/** The page opened again on the same shelf. */
export async function reopened(shelf: Shelf, options: FakeOptions = {}, own: Partial<StudioHost> = {}) {
  const { around, engines } = host(options, own);
  const studio = new Studio(shelf, around);
  opened.push(studio);
  await studio.restore();
  return { studio, engines };
}

export const until = (holds: () => boolean) =>
  vi.waitFor(() => expect(holds()).toBe(true), { timeout: 20_000, interval: 1 });
