/**
 * What the studio's page, its worker and its service worker may do, as one policy: load themselves and nothing of another origin. A worker does
 * not take the policy of its page but that of its own response, so every file is sent with these headers.
 */

/** Directives that a `<meta>` element may hold. `wasm-unsafe-eval` compiles WebAssembly and runs no text. */
const DIRECTIVES = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  // A blob: worker has the policy of who made it, so that the page's own worker is bound by it wherever the page is served.
  "worker-src 'self' blob:",
  "img-src 'self' blob: data:",
  "connect-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
];

export const META_POLICY: string = DIRECTIVES.join('; ');

export const POLICY: string = [...DIRECTIVES, "frame-ancestors 'none'"].join('; ');

/** The page asks for the camera; everything else that browsers ask a person about is refused. */
const PERMISSIONS = [
  'camera=(self)',
  ...['accelerometer', 'bluetooth', 'display-capture', 'geolocation', 'gyroscope', 'hid', 'magnetometer'],
  ...['microphone', 'midi', 'payment', 'serial', 'usb', 'xr-spatial-tracking'],
].map((one) => (one.includes('=') ? one : `${one}=()`));

/** Of every response. The first two are what threads of WebAssembly need. */
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
