import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { type Preprocessing, presetPreprocessing } from '../../src/data/index.ts';
import { decodeImage, thumbnail } from '../../src/data/node/index.ts';
import { flat, fromRgb, rgb, temporaryFolder, write } from './images.ts';

const raw = (changes: Partial<Preprocessing> & { size?: number } = {}) =>
  presetPreprocessing('raw', { layout: 'nhwc', ...changes });

/** Four quarters: red, green; blue, white. */
const quarters = (side = 32) =>
  rgb(side, side, (x, y) =>
    y < side / 2 ? (x < side / 2 ? [255, 0, 0] : [0, 255, 0]) : x < side / 2 ? [0, 0, 255] : [255, 255, 255],
  );

async function pixels(content: Buffer, p: Preprocessing): Promise<Float32Array> {
  return (await decodeImage(write(temporaryFolder(), 'image', content), p)).data;
}

const near = (actual: ArrayLike<number>, expected: readonly number[], tolerance: number) => {
  for (const [i, value] of expected.entries())
    expect(Math.abs(actual[i] - value), `value ${i}: ${actual[i]}, not ${value}`).toBeLessThanOrEqual(tolerance);
};

describe('formats', () => {
  it.each([
    ['jpeg', 6],
    ['png', 0],
    ['webp', 6],
    ['gif', 6],
    ['tiff', 6],
    ['avif', 8],
  ] as const)('%s', async (format, tolerance) => {
    const content = await flat('rgb(200, 100, 40)').toFormat(format).toBuffer();
    near(await pixels(content, raw({ size: 8 })), [200, 100, 40], tolerance);
  });

  it('greyscale, with and without 16 bits', async () => {
    const grey = flat('rgb(90, 90, 90)');
    near(await pixels(await grey.clone().greyscale().png().toBuffer(), raw({ size: 8 })), [90, 90, 90], 1);
    near(await pixels(await grey.clone().toColourspace('grey16').png().toBuffer(), raw({ size: 8 })), [90, 90, 90], 1);
  });

  it('16 bits', async () => {
    const content = await flat('rgb(200, 100, 40)').toColourspace('rgb16').png().toBuffer();
    expect((await sharp(content).metadata()).depth).toBe('ushort');
    near(await pixels(content, raw({ size: 8 })), [200, 100, 40], 1);
  });

  it('CMYK', async () => {
    const content = await flat('rgb(200, 60, 40)').toColourspace('cmyk').jpeg().toBuffer();
    expect((await sharp(content).metadata()).space).toBe('cmyk');
    const [red, green, blue] = await pixels(content, raw({ size: 8 }));
    expect(red).toBeGreaterThan(150);
    expect(Math.max(green, blue)).toBeLessThan(100);
  });

  it('alpha goes over white', async () => {
    const half = sharp({
      create: { width: 16, height: 16, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0.5 } },
    });
    near(await pixels(await half.png().toBuffer(), raw({ size: 8 })), [127, 127, 127], 1);
  });

  it('the first frame of an animation', async () => {
    const frames = [await flat('#ff0000').png().toBuffer(), await flat('#00ff00').png().toBuffer()];
    const content = await sharp(frames, { join: { animated: true } })
      .gif()
      .toBuffer();
    expect((await sharp(content).metadata()).pages).toBe(2);
    near(await pixels(content, raw({ size: 8 })), [255, 0, 0], 3);
  });
});

describe('geometry', () => {
  it('rotates images by their EXIF orientation', async () => {
    // Orientation 6 means clockwise: the lower left quarter moves to the top left.
    const content = await fromRgb(quarters(), 32, 32).withMetadata({ orientation: 6 }).png().toBuffer();
    const values = await pixels(content, raw({ size: 2, interpolation: 'nearest' }));
    expect([...values]).toEqual([0, 0, 255, 255, 0, 0, 255, 255, 255, 0, 255, 0]);
  });

  it('rotates before stretching', async () => {
    const wide = rgb(32, 16, (x) => (x < 16 ? [255, 0, 0] : [0, 0, 255]));
    const content = await fromRgb(wide, 32, 16).withMetadata({ orientation: 6 }).png().toBuffer();
    const values = await pixels(content, raw({ width: 1, height: 2, interpolation: 'nearest' }));
    expect([...values]).toEqual([255, 0, 0, 0, 0, 255]);
  });

  const striped = rgb(40, 20, (x) => (x < 10 ? [255, 0, 0] : x < 30 ? [0, 255, 0] : [0, 0, 255]));
  it('crops the centre', async () => {
    const values = await pixels(
      await fromRgb(striped, 40, 20).png().toBuffer(),
      raw({ size: 20, fit: 'crop', cropFraction: 1 }),
    );
    for (let i = 0; i < values.length; i += 3) expect([...values.subarray(i, i + 3)]).toEqual([0, 255, 0]);
  });

  it('pads below with the mean', async () => {
    const p = raw({ size: 20, fit: 'pad', mean: [10, 20, 30], interpolation: 'nearest' });
    const values = await pixels(await fromRgb(striped, 40, 20).png().toBuffer(), p);
    expect([...values.subarray(0, 3)]).toEqual([245, -20, -30]);
    expect([...values.subarray(9 * 60 + 57, 9 * 60 + 60)]).toEqual([-10, -20, 225]);
    expect(values.subarray(10 * 60).every((value) => value === 0)).toBe(true);
  });
});

describe('numbers', () => {
  const four = async () => fromRgb(quarters(2), 2, 2).png().toBuffer();
  const p = { width: 2, height: 2, interpolation: 'nearest' as const };

  it('NCHW and NHWC', async () => {
    expect([...(await pixels(await four(), raw({ ...p, layout: 'nchw' })))]).toEqual([
      255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255,
    ]);
    expect([...(await pixels(await four(), raw(p)))]).toEqual([255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255]);
  });

  it('BGR', async () => {
    expect([...(await pixels(await four(), raw({ ...p, channels: 'bgr' })))]).toEqual([
      0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 255,
    ]);
  });

  it('grey is one channel', async () => {
    const { data, shape } = await decodeImage(
      write(temporaryFolder(), 'p', await four()),
      raw({ ...p, channels: 'grey' }),
    );
    expect(shape).toEqual([1, 2, 2, 1]);
    near(data, [76.245, 149.685, 29.07, 255], 1e-4);
  });

  it('normalizes channel by channel', async () => {
    const normalized = { scale: 1 / 255, mean: [0.5, 0.25, 0.125], std: [0.5, 0.25, 0.2] };
    const rgbValues = await pixels(await four(), raw({ ...p, ...normalized }));
    near(rgbValues, [1, -1, -0.625, -1, 3, -0.625, -1, -1, 4.375, 1, 3, 4.375], 1e-6);
    const bgrValues = await pixels(await four(), raw({ ...p, ...normalized, channels: 'bgr' }));
    near(bgrValues, [-1, -1, 4.375], 1e-6);
  });
});

it('makes thumbnails', async () => {
  const url = await thumbnail(write(temporaryFolder(), 'p', await flat('#102030', 300, 150).png().toBuffer()), 64);
  expect(url).toMatch(/^data:image\/jpeg;base64,/);
  expect(await sharp(Buffer.from(url.split(',')[1], 'base64')).metadata()).toMatchObject({ width: 64, height: 32 });
});
