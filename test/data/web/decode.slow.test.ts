// Reads file headers before decoding, and checks the requests to the browser's decoder.
import { readFileSync } from 'node:fs';
import type { Sharp } from 'sharp';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { inputOf } from '../../../src/data/geometry.ts';
import { parseHeader } from '../../../src/data/image-header.ts';
import { presetPreprocessing } from '../../../src/data/index.ts';
import { decodeImage as imageInNode, decodeLarge as largeInNode } from '../../../src/data/node/index.ts';
import { shrunkWidth } from '../../../src/data/web/decode.ts';
import { canvasReader, decodeImage, decodeLarge, decodeResized, failureReason } from '../../../src/data/web/index.ts';
import { Random } from '../../../src/random.ts';
import { flat } from '../images.ts';
import { fakeBrowser } from './browser.ts';
import { Differences, noise, opened, waves } from './compare.ts';

afterEach(() => vi.unstubAllGlobals());

const blob = (...parts: BlobPart[]): Blob => new Blob(parts);
const file = async (pipeline: Sharp): Promise<Blob> => blob(new Uint8Array(await pipeline.toBuffer()));
const heic = (): Blob => blob(new Uint8Array(readFileSync('test/data/photo.heic')));
const p = presetPreprocessing('raw', { size: 32, fit: 'crop', cropFraction: 0.875 });

describe('headers', () => {
  const image = () => flat('#a07030', 200, 120);

  it.each([
    ['jpeg', () => image().jpeg()],
    [
      'jpeg',
      () =>
        image()
          .jpeg({ progressive: true })
          .withExif({ IFD0: { Copyright: 'x'.repeat(3000) } }),
    ],
    ['png', () => image().png()],
    ['png', () => image().png({ palette: true })],
    ['gif', () => image().gif()],
    ['webp', () => image().webp()],
    ['webp', () => image().webp({ lossless: true })],
    ['webp', () => image().ensureAlpha(0.5).webp()],
    ['avif', () => image().avif()],
    ['avif', () => image().ensureAlpha(0.5).avif()],
  ])('%s', async (format, make) => {
    const bytes = new Uint8Array(await make().toBuffer());
    expect(parseHeader(bytes)).toEqual({ format, width: 200, height: 120 });
    // Truncated at any point, its size is at most unknown.
    for (let length = 0; length < Math.min(bytes.length, 400); length++) {
      const cut = parseHeader(bytes.slice(0, length));
      expect([undefined, 'incomplete', format]).toContain(typeof cut === 'object' ? cut.format : cut);
    }
  });

  it.each([
    ['from below', 200, 120],
    ['from above', 200, -120],
  ])('bmp, %s', (_, width, height) => {
    const view = new DataView(new ArrayBuffer(54));
    view.setUint16(0, 0x424d);
    view.setUint32(14, 40, true);
    view.setInt32(18, width, true);
    view.setInt32(22, height, true);
    expect(parseHeader(new Uint8Array(view.buffer))).toEqual({ format: 'bmp', width: 200, height: 120 });
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('a JPEG with Exif orientation %i becomes upright', async (orientation) => {
    const bytes = new Uint8Array(await image().jpeg().withMetadata({ orientation }).toBuffer());
    const [width, height] = orientation < 5 ? [200, 120] : [120, 200];
    expect(parseHeader(bytes)).toEqual({ format: 'jpeg', width, height });
  });

  it('other files are not images', () => {
    const bytesOf = (text: string) => new TextEncoder().encode(text);
    for (const text of ['', 'x', '<svg/>', 'GIF88a and more', 'RIFF....WAVEfmt ', '\0\0\0\x18ftypisom\0\0\0\0mp42isom'])
      expect(parseHeader(bytesOf(text)), text).toBeUndefined();
  });
});

describe('refused before decoding', () => {
  const bomb = (width: number, height: number) => {
    const bytes = new Uint8Array(64);
    bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    new DataView(bytes.buffer).setUint32(16, width);
    new DataView(bytes.buffer).setUint32(20, height);
    return blob(bytes);
  };
  const ftyp = (brand: string) => blob(`\0\0\0\x14ftyp${brand}\0\0\0\0mif1`, 'x'.repeat(40));

  it.each([
    ['bombs', bomb(60000, 60000), '60000x60000 pixels: 3600 megapixels, the limit is 268'],
    ['strips', bomb(9000, 20), '9000x20 pixels, more than 100 times as long as wide'],
    ['dots', bomb(4, 4), '4x4 pixels, smaller than 8x8'],
    ['nothing', blob(), 'empty file'],
    ['text', blob('hello, I am no image'), 'not an image'],
    ['video', ftyp('qt  '), 'video is not supported: save it as JPEG or PNG'],
    ['TIFF', blob('II*\0', 'x'.repeat(40)), 'TIFF is not supported: save it as JPEG or PNG'],
    [
      'a JPEG without a size',
      blob(new Uint8Array([0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0, 0xff])),
      'broken image (its header has no size)',
    ],
  ])('%s', async (_, image, reason) => {
    const browser = fakeBrowser();
    const error = await decodeResized(image, p).catch((thrown) => thrown);
    expect(failureReason(error)).toBe(reason);
    expect(browser.asked).toEqual([]);
  });

  it('names HEIC, which few browsers decode', async () => {
    const browser = fakeBrowser();
    const error = await decodeResized(heic(), p).catch((thrown) => thrown);
    expect(failureReason(error)).toBe('HEIC: this browser cannot read it: convert it to JPEG');
    expect(browser.asked).toHaveLength(1);
  });

  it('explains other failures', async () => {
    const browser = fakeBrowser();
    const whole = await file(opened(noise(64, 64, new Random(1))).png());
    const error = await decodeResized(whole.slice(0, whole.size >> 1), p).catch((thrown) => thrown);
    expect(failureReason(error)).toBe('broken image (The source image could not be decoded)');
    expect(failureReason(new DOMException('gone', 'NotFoundError'))).toBe('the file does not exist');
    expect(failureReason(new DOMException('no', 'NotReadableError'))).toMatch(/^the file cannot be read/);
    expect(browser.open).toBe(0);
  });
});

describe('decoding', () => {
  it.each([
    ['resized', 60, 50],
    ['enlarged', 20, 25],
    ['in strips through the canvas', 30, 600],
  ])('%s, like Node', async (_, width, height) => {
    const browser = fakeBrowser('never');
    const png = await file(opened(waves(width, height)).png());
    const differences = new Differences();
    for (const fit of ['stretch', 'crop', 'pad'] as const) {
      const fitted = { ...p, fit, cropFraction: fit === 'crop' ? 0.875 : 1 };
      const bytes = new Uint8Array(await png.arrayBuffer());
      const actual = await decodeImage(png, fitted);
      const large = [await decodeLarge(png, fitted), await largeInNode(bytes, fitted)];
      const expected = await imageInNode(bytes, fitted);
      expect(actual.shape).toEqual(expected.shape);
      differences.add(actual.data, expected.data);
      expect([large[0].width, large[0].height]).toEqual([large[1].width, large[1].height]);
      differences.add(large[0].data, large[1].data);
    }
    expect(differences.mean).toBeLessThan(0.02);
    expect(differences.greatest).toBeLessThanOrEqual(2);
    expect(browser.open).toBe(0);
  });

  it('HEIC, in a browser that decodes it', async () => {
    fakeBrowser();
    const decoded = await file(opened(waves(48, 64)).png());
    const read = createImageBitmap;
    vi.stubGlobal('createImageBitmap', (_: Blob, options: ImageBitmapOptions) => read(decoded, options));
    // Its header has the size before it is cropped to 64x48 and turned.
    expect(parseHeader(new Uint8Array(await heic().arrayBuffer()))).toEqual({ format: 'heic', width: 64, height: 64 });
    const { width, height } = await decodeLarge(heic(), presetPreprocessing('raw', { size: 48 }));
    expect([width, height]).toEqual([48, 64]);
  });

  it('draws transparent images over white', async () => {
    fakeBrowser();
    const { data } = await decodeImage(await file(flat('#000', 32, 32).ensureAlpha(0.25).png()), {
      ...p,
      fit: 'stretch',
      cropFraction: 1,
    });
    for (const value of data) expect(Math.abs(value - 191)).toBeLessThanOrEqual(1);
  });

  it('lets the browser shrink large images to twice the wanted size', async () => {
    const browser = fakeBrowser();
    const png = await file(opened(waves(1000, 700)).png());
    const actual = await decodeImage(png, p);
    expect(browser.asked).toHaveLength(1);
    expect(browser.asked[0]).toMatchObject({ imageOrientation: 'from-image', resizeQuality: 'high' });
    // 37 of 700 pixels, times two.
    expect(browser.asked[0].resizeWidth).toBe(Math.ceil((1000 * 74) / 700));
    const differences = new Differences();
    differences.add(actual.data, (await imageInNode(new Uint8Array(await png.arrayBuffer()), p)).data);
    expect(differences.mean).toBeLessThan(2);
  });

  it('does not ask the browser to shrink slightly larger images', () => {
    expect(shrunkWidth({ width: 90, height: 80 }, { width: 40, height: 40 })).toBeUndefined();
    expect(shrunkWidth({ width: 900, height: 800 }, { width: 40, height: 40 })).toBe(90);
    expect(shrunkWidth({ width: 900, height: 100 }, { width: 40, height: 40 })).toBeUndefined();
  });

  it.each(['before', 'after', 'never'] as const)(
    'rotated images, in a browser that shrinks %s rotation',
    async (shrinks) => {
      // The opposite orientation is the hard case: PNG headers do not have it. The images are large enough to shrink.
      for (const [width, height] of [
        [1000, 600],
        [600, 1000],
      ] as const) {
        for (const orientation of [1, 6, 8]) {
          for (const format of ['jpeg', 'png'] as const) {
            const browser = fakeBrowser(shrinks);
            const image = await file(opened(waves(width, height))[format]().withMetadata({ orientation }));
            const bytes = new Uint8Array(await image.arrayBuffer());
            const [actual, expected] = [await decodeLarge(image, p), await largeInNode(bytes, p)];
            expect([actual.width, actual.height], `${orientation} ${format}`).toEqual([
              expected.width,
              expected.height,
            ]);
            const differences = new Differences();
            differences.add(actual.data, expected.data);
            expect(differences.mean).toBeLessThan(6);
            expect(browser.asked.length).toBeLessThanOrEqual(2);
            expect(browser.open).toBe(0);
          }
        }
      }
    },
  );

  it('has few open bitmaps at a time, and closes all of them', async () => {
    const browser = fakeBrowser();
    const png = await file(opened(waves(200, 200)).png());
    await Promise.all(Array.from({ length: 40 }, () => decodeLarge(png, p)));
    expect(browser.mostOpen).toBeLessThanOrEqual(4);
    expect(browser.open).toBe(0);
  });

  it('accepts decoded images', async () => {
    const browser = fakeBrowser();
    const png = await file(opened(waves(60, 40)).png());
    const frame = Object.assign(Object.create(png), { displayWidth: 60, displayHeight: 40 });
    vi.stubGlobal('Blob', class {});
    const { width, height } = await decodeResized(frame, p).catch((error) => error);
    expect(browser.asked).toHaveLength(1);
    expect([width, height]).toEqual([55, 37]);
  });
});

it('reads for batches: digests, decodes and augments', async () => {
  fakeBrowser();
  const png = await file(opened(waves(60, 40)).png());
  const reader = canvasReader(() => png);
  expect(await reader.digest('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(await reader.digestOf('0')).toMatch(/^[0-9a-f]{64}$/);
  expect(inputOf(await reader.decode('0', p, false), p).data).toEqual((await decodeImage(png, p)).data);
});
