/**
 * What the studio may do. Its workers, which hold the images, load themselves and nothing of another origin. Its page may also reach the
 * Hugging Face hub, for the photo model. A worker does not take the policy of its page but that of its own response, so every file is sent
 * with headers.
 */

/** The Hugging Face hub. */
export const HUB = 'https://huggingface.co';

/** Addresses to which the hub redirects downloads. */
const HUB_FILES = ['https://*.huggingface.co', 'https://*.hf.co'];

/**
 * Directives that a `<meta>` element may hold. `wasm-unsafe-eval` compiles WebAssembly and runs no text.
 *
 * @param others origins that may be reached
 */
const directives = (others: readonly string[]): readonly string[] => [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  // On a plain host the page's worker is a blob: it has the policy of the page that made it.
  "worker-src 'self' blob:",
  "img-src 'self' blob: data:",
  ["connect-src 'self'", ...others].join(' '),
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
];

const policy = (others: readonly string[]): string => [...directives(others), "frame-ancestors 'none'"].join('; ');

export const META_POLICY: string = directives([HUB, ...HUB_FILES]).join('; ');

/** Of the page. */
export const PAGE_POLICY: string = policy([HUB, ...HUB_FILES]);

/** Of all other files, which include the workers. */
export const POLICY: string = policy([]);

/** The page asks for the camera; everything else that browsers ask a person about is refused. */
const PERMISSIONS = [
  'camera=(self)',
  ...['accelerometer', 'bluetooth', 'display-capture', 'geolocation', 'gyroscope', 'hid', 'magnetometer'],
  ...['microphone', 'midi', 'payment', 'serial', 'usb', 'xr-spatial-tracking'],
].map((one) => (one.includes('=') ? one : `${one}=()`));

/** Of every response but the page. The first two are what threads of WebAssembly need. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Content-Security-Policy': POLICY,
  'Permissions-Policy': PERMISSIONS.join(', '),
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

/** Of the page. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  ...SECURITY_HEADERS,
  'Content-Security-Policy': PAGE_POLICY,
};
