/** Decodes protocol buffers without a schema, so that a change deep inside updates all enclosing lengths. */

/** A field: a varint, 4 or 8 bytes, or bytes with a length. Bytes that decode as a message count as a message. */
export interface Field {
  number: number;
  wire: number;
  value: bigint | Uint8Array | Field[];
}

/** The fields of a message, or undefined if the bytes are not a message. */
export function fieldsOf(bytes: Uint8Array, depth = 0): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint | undefined => {
    let value = 0n;
    for (let i = 0n; i < 10n && at < bytes.length; i++) {
      const byte = bytes[at++];
      value |= BigInt(byte & 0x7f) << (7n * i);
      if (byte < 0x80) return value;
    }
    return undefined;
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag === undefined || tag > 0xffffn || tag >> 3n === 0n) return undefined;
    const [number, wire] = [Number(tag >> 3n), Number(tag & 7n)];
    if (wire === 0) {
      const value = varint();
      if (value === undefined) return undefined;
      fields.push({ number, wire, value });
      continue;
    }
    const length = wire === 1 ? 8 : wire === 5 ? 4 : wire === 2 ? Number(varint() ?? -1n) : -1;
    if (length < 0 || at + length > bytes.length) return undefined;
    const content = bytes.subarray(at, at + length);
    at += length;
    // Weights are long, and never messages.
    const inner = wire === 2 && length > 0 && length < 100_000 && depth < 12 ? fieldsOf(content, depth + 1) : undefined;
    fields.push({ number, wire, value: inner ?? content });
  }
  return fields;
}

export function encodeFields(fields: readonly Field[]): Uint8Array {
  const parts = fields.flatMap(({ number, wire, value }) => {
    const tag = varint(BigInt(number) * 8n + BigInt(wire));
    if (typeof value === 'bigint') return [tag, varint(value)];
    const content = Array.isArray(value) ? encodeFields(value) : value;
    return wire === 2 ? [tag, varint(BigInt(content.length)), content] : [tag, content];
  });
  return Buffer.concat(parts);
}

export const message = (number: number, value: Field['value'] | string): Field => ({
  number,
  wire: typeof value === 'bigint' ? 0 : 2,
  value: typeof value === 'string' ? Buffer.from(value) : value,
});

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}
