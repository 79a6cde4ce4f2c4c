/** Bytes, or parts of them, one after the other, of which each is valid until the next is taken. */
export type Parts = Uint8Array | Iterable<Uint8Array>;

/** All bytes at once. */
export const wholeOf = (parts: Parts): Uint8Array =>
  parts instanceof Uint8Array ? parts : joined(Array.from(parts, (part) => part.slice()));

/** One after the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((all, { length }) => all + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
