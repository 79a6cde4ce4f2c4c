/** File formats by the first bytes of the content, not by a name or a declared type. */

/** Number of bytes from the start that the functions below look at. */
export const SIGNATURE = 64;

const text = (bytes: Uint8Array, from: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(from, from + length));

/** The brands of an ISO media file (AVIF, HEIC, MP4), the major one first. Empty for any other file. */
function brandsOf(bytes: Uint8Array): string[] {
  if (bytes.length < 12 || text(bytes, 4, 4) !== 'ftyp') return [];
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const length = Math.min(bytes.length, SIGNATURE, size);
  const brands: string[] = [];
  // The major brand, a version, then the compatible brands.
  for (let at = 8; at + 4 <= length; at += 4) if (at !== 12) brands.push(text(bytes, at, 4));
  return brands;
}

/** Whether a file is AVIF: an image compressed with AV1. */
export const isAvif = (bytes: Uint8Array): boolean => brandsOf(bytes).some((brand) => /^avi[fs]$/.test(brand));

/** Whether a file is HEIC: an image compressed with HEVC, such as the photographs of iPhones. */
export const isHeic = (bytes: Uint8Array): boolean =>
  !isAvif(bytes) && brandsOf(bytes).some((brand) => /^(hei|hev)[cmsx]$/.test(brand));

/** Any character stands for `?`. */
const SIGNATURES: readonly (readonly [start: string, name: string])[] = [
  ['BM????\0\0\0\0', 'BMP'],
  ['\0\0\x01\0', 'ICO'],
  ['\0\0\x02\0', 'ICO'],
  ['II*\0', 'TIFF'],
  ['MM\0*', 'TIFF'],
  ['\xff\x0a', 'JPEG XL'],
  ['\0\0\0\x0cJXL ', 'JPEG XL'],
  ['\xff\x4f\xff\x51', 'JPEG 2000'],
  ['\0\0\0\x0cjP  ', 'JPEG 2000'],
  ['8BPS', 'Photoshop (PSD)'],
  ['%PDF-', 'PDF'],
  ['\x1a\x45\xdf\xa3', 'video'],
  ['RIFF????AVI ', 'video'],
];

const matches = (start: string, signature: string): boolean =>
  [...signature].every((character, i) => character === '?' || character === start[i]);

/** The name of a known format other than those that Thaw reads everywhere. */
export function formatName(bytes: Uint8Array): string | undefined {
  if (isHeic(bytes)) return 'HEIC';
  const start = text(bytes, 0, 12);
  const named = SIGNATURES.find(([signature]) => matches(start, signature))?.[1];
  if (named) return named;
  const brands = brandsOf(bytes);
  if (brands[0] === 'crx ') return 'camera raw (CR3)';
  return brands.some((brand) => /^(qt {2}|isom|iso\d|mp4\d|M4V |3gp.)$/.test(brand)) ? 'video' : undefined;
}

const IMAGES = ['\xff\xd8\xff', '\x89PNG', 'GIF8', 'RIFF????WEBP'];

/** Whether bytes are the start of an image or of another known format, and not of a text. */
export const isImageStart = (bytes: Uint8Array): boolean => {
  const start = text(bytes, 0, 12);
  return IMAGES.some((signature) => matches(start, signature)) || isAvif(bytes) || formatName(bytes) !== undefined;
};
