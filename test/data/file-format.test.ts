import { describe, expect, it } from 'vitest';
import { formatName, isHeic } from '../../src/data/file-format.ts';
import { checkImages } from '../../src/data/node/check.ts';
import { flat, noisyJpeg, temporaryFolder, write } from './images.ts';

const bytes = (text: string) => Uint8Array.from(`${text}${'\0'.repeat(60)}`, (character) => character.charCodeAt(0));
const media = (...brands: string[]) =>
  bytes(`\0\0\0${String.fromCharCode(12 + 4 * brands.length)}ftyp${brands[0]}\0\0\0\0${brands.slice(1).join('')}`);

describe('formats that Thaw does not read', () => {
  it.each([
    ['BMP', bytes('BM\x36\x10\0\0\0\0\0\0')],
    ['ICO', bytes('\0\0\x01\0\x01\0')],
    ['TIFF', bytes('MM\0*')],
    ['JPEG XL', bytes('\xff\x0a')],
    ['JPEG 2000', bytes('\0\0\0\x0cjP  ')],
    ['Photoshop (PSD)', bytes('8BPS')],
    ['PDF', bytes('%PDF-1.7')],
    ['HEIC', media('mif1', 'mif1', 'heic')],
    ['video', media('qt  ', 'qt  ')],
    ['video', media('isom', 'iso2', 'avc1', 'mp41')],
    ['camera raw (CR3)', media('crx ')],
  ])('%s', (name, start) => {
    expect(formatName(start)).toBe(name);
  });

  it.each([
    ['a text', bytes('BM is not always a bitmap')],
    ['AVIF', media('avif', 'mif1', 'miaf')],
    ['AVIF that is also called HEIC', media('mif1', 'heic', 'avif')],
    ['nothing', new Uint8Array()],
    ['three bytes', Uint8Array.of(0, 0, 1)],
  ])('%s is none of them', (_, start) => {
    expect([formatName(start), isHeic(start)]).toEqual([undefined, false]);
  });

  it('are named when they are opened as images', async () => {
    const folder = temporaryFolder();
    const bitmap = write(folder, 'a.bmp', Buffer.from(bytes('BM\x36\x10\0\0\0\0\0\0')));
    const [result] = await checkImages([bitmap], 'quick');
    expect(result).toEqual({ file: bitmap, reason: 'BMP is not supported: save it as JPEG or PNG' });
  });
});

it('a broken image is reported with its own reason, also among others', async () => {
  const folder = temporaryFolder();
  const half = (content: Buffer) => content.subarray(0, content.length / 2);
  const avif = await flat('#123456', 64, 64).avif().toBuffer();
  const contents = { jpg: half(await noisyJpeg()), avif: half(avif), good: avif };
  const files = Array.from({ length: 10 }, (_, i) =>
    Object.entries(contents).map(([kind, content]) => write(folder, `${i}.${kind}`, content)),
  ).flat();
  const reasons = (await checkImages(files, 'quick')).map((result) => ('reason' in result ? result.reason : 'good'));
  for (const [i, reason] of reasons.entries())
    expect(reason).toMatch([/^broken image \(VipsJpeg: /, /^broken image \(heif: /, /^good$/][i % 3]);
});
