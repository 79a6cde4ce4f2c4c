// photo.heic was made with pillow-heif: 64x48 pixels in Display P3 (the upper quarter green; below it, red left of blue), turned by 90°.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { presetPreprocessing } from '../../src/data/index.ts';
import { checkImages } from '../../src/data/node/check.ts';
import { decodeImage, decodeLarge, openDataset, thumbnail } from '../../src/data/node/index.ts';
import { classFolders, temporaryFolder, write } from './images.ts';

const FILE = 'test/data/photo.heic';
const contents = readFileSync(FILE);

describe('HEIC', () => {
  it.each([
    ['a file', FILE],
    ['contents', contents],
  ])('%s: upright, and in sRGB', async (_, image) => {
    const { data, width, height } = await decodeLarge(image, presetPreprocessing('raw', { size: 48 }));
    expect([width, height]).toEqual([48, 64]);
    const at = (x: number, y: number) => [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
    const seen = { green: at(44, 10), red: at(10, 10), blue: at(10, 50) };
    const drawn = { green: [40, 200, 60], red: [220, 40, 40], blue: [40, 60, 220] };
    for (const [colour, rgb] of Object.entries(drawn))
      for (const [c, value] of rgb.entries())
        expect(Math.abs(seen[colour as 'red'][c] - value), `${colour}: ${seen[colour as 'red']}`).toBeLessThan(4);
  });

  it('is an image of a data set', async () => {
    const root = await classFolders(temporaryFolder(), { a: 2, b: 2 });
    write(root, 'a/IMG_1.HEIC', contents);
    const { train, problems } = await openDataset(root, { valFraction: 0 });
    expect(problems).toEqual([]);
    expect(train).toHaveLength(5);
    expect(await thumbnail(train[0].file, 32)).toMatch(/^data:image\/jpeg;base64,/);
  });

  it('is refused if it is cut, and the next one is read', async () => {
    const folder = temporaryFolder();
    const cut = write(folder, 'cut.heic', contents.subarray(0, contents.length - 100));
    const whole = write(folder, 'whole.heic', contents);
    const [first, second] = await checkImages([cut, whole], 'quick');
    expect(first).toEqual({ file: cut, reason: expect.stringMatching(/^broken image/) });
    expect(second).toMatchObject({ format: 'heic' });
    await expect(decodeImage(cut, presetPreprocessing('raw', { size: 8 }))).rejects.toThrow();
    expect((await decodeImage(whole, presetPreprocessing('raw', { size: 8 }))).shape).toEqual([1, 3, 8, 8]);
  });
});
