/**
 * SHA-256 in hexadecimal. Node, Electron and pages in secure contexts (`https:` or localhost) have Web Cryptography. Other pages compute it in
 * JavaScript, which is slower.
 */
export const sha256 = (content: Uint8Array | ArrayBuffer): Promise<string> =>
  digest('SHA-256', content, async () => (await import('@noble/hashes/sha2.js')).sha256);

/** The same for SHA-1, by which git names files. It finds damage, but no forgery. */
export const sha1 = (content: Uint8Array | ArrayBuffer): Promise<string> =>
  digest('SHA-1', content, async () => (await import('@noble/hashes/legacy.js')).sha1);

async function digest(
  algorithm: string,
  content: Uint8Array | ArrayBuffer,
  inJavaScript: () => Promise<(bytes: Uint8Array) => Uint8Array>,
): Promise<string> {
  const { subtle } = globalThis.crypto ?? {};
  const bytes = subtle
    ? new Uint8Array(await subtle.digest(algorithm, content as ArrayBuffer))
    : (await inJavaScript())(content instanceof Uint8Array ? content : new Uint8Array(content));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
