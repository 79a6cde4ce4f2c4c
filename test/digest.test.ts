import { createHash, randomBytes } from 'node:crypto';
import { afterEach, expect, test, vi } from 'vitest';
import { sha1, sha256 } from '../src/digest.ts';

afterEach(() => vi.unstubAllGlobals());

/** A page of an address that the browser does not trust: `http:` of another machine. */
const withoutWebCryptography = () => vi.stubGlobal('crypto', {});

test.each([
  ['sha256', sha256],
  ['sha1', sha1],
] as const)('%s is the same with and without Web Cryptography', async (name, digest) => {
  // Lengths around the block of 64 bytes, and a part of a larger buffer.
  const large = randomBytes(100_000);
  const contents = [0, 1, 55, 56, 64, 1000].map((length) => new Uint8Array(large.subarray(0, length)));
  for (const bytes of [...contents, large.subarray(17, 90_000)]) {
    const expected = createHash(name).update(bytes).digest('hex');
    expect(await digest(bytes)).toBe(expected);
    withoutWebCryptography();
    expect(await digest(bytes)).toBe(expected);
    expect(await digest(new Uint8Array(bytes).buffer)).toBe(expected);
    vi.unstubAllGlobals();
  }
});
