import { ThawError } from './errors.ts';

/**
 * SHA-256 in hexadecimal, by Web Cryptography, which Node and Electron have, and pages in secure contexts: `https:` or localhost.
 *
 * @throws ThawError `device` where there is none
 */
export async function sha256(content: Uint8Array | ArrayBuffer): Promise<string> {
  if (!globalThis.crypto?.subtle) {
    throw new ThawError(
      'device',
      'a page that is not encrypted has no SHA-256',
      'Serve it by https, or from localhost',
    );
  }
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', content as ArrayBuffer));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
