import { describe, expect, test } from 'vitest';
import { catalogueModel } from '../../src/catalogue.ts';
import { arePhotographs, flatness, type ImageReader, type Pixels, presetPreprocessing } from '../../src/data/index.ts';
import { Random } from '../../src/random.ts';
import { noticeMismatch } from '../../src/session/data-fit.ts';
import type { SessionEvent } from '../../src/session/index.ts';

const SIDE = 80;
const pixels = (value: (x: number, y: number) => number): Pixels => ({
  data: Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) =>
    value(Math.floor(i / 3) % SIDE, Math.floor(i / 3 / SIDE)),
  ),
  width: SIDE,
  height: SIDE,
});
/** A disc on a plain background, with JPEG noise. */
const drawing = (seed: number) => {
  const random = new Random(seed, 'drawing');
  return pixels((x, y) => (Math.hypot(x - 40, y - 40) < 25 ? 40 : 250) + random.below(2));
};
/** A gradient with camera noise. */
const photograph = (seed: number) => {
  const random = new Random(seed, 'photograph');
  return pixels((x, y) => x + y + random.below(20));
};

test('drawings are flat, and photographs are not', () => {
  expect(flatness(pixels(() => 7))).toBe(1);
  expect(flatness(drawing(0))).toBeGreaterThan(0.8);
  expect(flatness(photograph(0))).toBeLessThan(0.2);
  expect(arePhotographs([photograph(0), photograph(1), drawing(0)])).toBe(true);
  expect(arePhotographs([photograph(0), drawing(1), drawing(0)])).toBe(false);
  expect(arePhotographs([])).toBe(false);
});

describe('a model for drawings', () => {
  const train = Array.from({ length: 200 }, (_, i) => ({ file: `${i}`, label: 0 }));
  const DRAWINGS = { thaw: { pretraining: 'drawings' } };

  async function eventsOf(config: unknown, image: (file: string) => Pixels): Promise<[SessionEvent[], string[]]> {
    const events: SessionEvent[] = [];
    const read: string[] = [];
    const reader = {
      decode: async (file: string) => {
        read.push(file);
        return image(file);
      },
    } as unknown as ImageReader;
    await noticeMismatch(config, { train }, presetPreprocessing(), { reader, onEvent: (event) => events.push(event) });
    return [events, read];
  }

  test('suggests a model for photographs if it gets photographs, after reading a few images of all splits', async () => {
    const [[event], read] = await eventsOf(DRAWINGS, (file) => photograph(Number(file)));
    expect(event).toMatchObject({ type: 'mismatch' });
    expect(catalogueModel((event as { better: string }).better)?.use).toBe('photos');
    expect(read.length).toBe(24);
    expect(Math.max(...read.map(Number))).toBeGreaterThan(180);
  });

  test('gives no notice for drawings, or for images that cannot be read', async () => {
    expect((await eventsOf(DRAWINGS, (file) => drawing(Number(file))))[0]).toEqual([]);
    const broken = () => {
      throw new Error('broken');
    };
    expect((await eventsOf(DRAWINGS, broken))[0]).toEqual([]);
  });

  test('reads no images for a model of another kind', async () => {
    expect(await eventsOf({}, (file) => photograph(Number(file)))).toEqual([[], []]);
    expect(await eventsOf(undefined, (file) => photograph(Number(file)))).toEqual([[], []]);
  });
});
