import { joined } from '../../bytes.ts';
import { ThawError } from '../../errors.ts';
import { byteLengthOf, bytesOf, type DataType, piecesOf, type Tensor, tensorFromBytes } from '../../onnx/index.ts';

/** Names of types in safetensors. */
const TYPES: Partial<Record<DataType, string>> = {
  float32: 'F32',
  float64: 'F64',
  float16: 'F16',
  bfloat16: 'BF16',
  int8: 'I8',
  int16: 'I16',
  int32: 'I32',
  int64: 'I64',
  uint8: 'U8',
  uint16: 'U16',
  uint32: 'U32',
  uint64: 'U64',
  bool: 'BOOL',
};

export interface Safetensors {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Encodes tensors as a safetensors file. */
export const writeSafetensors = (file: Safetensors): Uint8Array => joined(safetensorsParts(file));

/**
 * A safetensors file in parts. The first part holds eight bytes of header length and a JSON header, padded with spaces to eight bytes. Then
 * come the data (https://github.com/huggingface/safetensors#format), which are the tensors' own bytes, not copied.
 */
export const safetensorsParts = (file: Safetensors): Uint8Array[] => [
  headerOf(file),
  ...[...file.tensors.values()].map(bytesOf),
];

/** The same, without loading a whole tensor if it is in a file. A piece is valid until the next is read. */
export const safetensorsPieces = (file: Safetensors): Iterable<Uint8Array> => ({
  *[Symbol.iterator]() {
    yield headerOf(file);
    for (const tensor of file.tensors.values()) yield* piecesOf(tensor);
  },
});

function headerOf({ tensors, metadata }: Safetensors): Uint8Array {
  // No prototype: a tensor may have any name.
  const header: Record<string, unknown> = Object.assign(Object.create(null), { __metadata__: metadata });
  let offset = 0;
  for (const [name, tensor] of tensors) {
    const dtype = TYPES[tensor.type];
    if (name === '__metadata__') throw new Error('no tensor can be called "__metadata__" in a safetensors file');
    if (!dtype) throw new Error(`safetensors cannot hold "${name}", which is ${tensor.type}`);
    const length = byteLengthOf(tensor);
    header[name] = { dtype, shape: tensor.shape, data_offsets: [offset, offset + length] };
    offset += length;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerLength = Math.ceil(json.length / 8) * 8;
  const first = new Uint8Array(8 + headerLength);
  new DataView(first.buffer).setBigUint64(0, BigInt(headerLength), true);
  first.fill(0x20, 8);
  first.set(json, 8);
  return first;
}

/**
 * Reads a safetensors file strictly: every tensor must be inside the data, without overlaps or unused bytes.
 *
 * @throws ThawError `bad-data` if the file is damaged
 */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  const damaged = (why: string): never => {
    throw new ThawError('bad-data', `the safetensors file is damaged: ${why}`, 'Use an earlier checkpoint');
  };
  if (bytes.length < 8) damaged('it ends before its header');
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (length > bytes.length - 8) damaged('it ends before its header does');
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + length)));
  } catch {
    return damaged('its header is not JSON');
  }
  if (!isRecord(header)) return damaged('its header is not a list of tensors');
  const { __metadata__: metadata = {}, ...entries } = header;
  if (!isRecord(metadata) || Object.values(metadata).some((value) => typeof value !== 'string'))
    return damaged('its metadata are not strings');
  const data = bytes.subarray(8 + length);
  const tensors = new Map<string, Tensor>();
  let end = 0;
  // JavaScript puts keys that look like integers (`193`, as PyTorch names initializers) first, so the offsets give the order.
  const inOrder = (Object.entries(entries) as [string, Record<string, unknown>][]).sort(
    ([, a], [, b]) => offset(a, 0) - offset(b, 0) || offset(a, 1) - offset(b, 1),
  );
  for (const [name, entry] of inOrder) {
    const type = Object.keys(TYPES).find((key) => TYPES[key as DataType] === entry?.dtype) as DataType | undefined;
    const shape = entry?.shape as number[];
    const [from, to] = (entry?.data_offsets ?? []) as number[];
    const valid = (values: unknown) => Array.isArray(values) && values.every((v) => Number.isSafeInteger(v) && v >= 0);
    if (!type || !valid(shape) || !valid(entry.data_offsets) || (entry.data_offsets as number[]).length !== 2)
      return damaged(`the entry of "${name}" is invalid`);
    if (from !== end || to < from || to > data.length) damaged(`"${name}" is not at its offset`);
    end = to;
    try {
      tensors.set(name, tensorFromBytes(type, shape, data.subarray(from, to)));
    } catch (error) {
      damaged(`"${name}": ${(error as Error).message}`);
    }
  }
  if (end !== data.length) damaged('it has bytes that belong to no tensor');
  return { tensors, metadata: metadata as Record<string, string> };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function offset(entry: Record<string, unknown> | null, which: 0 | 1): number {
  const offsets = entry?.data_offsets;
  return Array.isArray(offsets) ? Number(offsets[which]) : 0;
}
