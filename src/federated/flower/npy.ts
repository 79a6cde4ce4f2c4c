import { bytesOf, type DataType, type Tensor, tensorFromBytes } from '../../onnx/index.ts';
import { damaged } from './objects.ts';

/** NumPy's type names: in the description of an array, and in its file. */
const TYPES: readonly (readonly [type: DataType, name: string, descr: string])[] = [
  ['float32', 'float32', '<f4'],
  ['float64', 'float64', '<f8'],
  ['float16', 'float16', '<f2'],
  ['int64', 'int64', '<i8'],
  ['int32', 'int32', '<i4'],
  ['uint8', 'uint8', '|u1'],
  ['int8', 'int8', '|i1'],
  ['bool', 'bool', '|b1'],
];

/** NumPy's name of a type. */
export function dtypeOf({ type }: Tensor): string {
  const [, name] = TYPES.find(([own]) => own === type) ?? [];
  if (name !== undefined) return name;
  throw new Error(`NumPy has no ${type}`);
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** NumPy reserves space in the header for a first dimension of this many digits, so that it can grow in place. */
const GROWTH = 21;

/** A tensor in the format of `numpy.save` (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html), version 1.0. */
export function writeNpy(tensor: Tensor): Uint8Array {
  const { shape } = tensor;
  const [, , descr] = TYPES.find(([own]) => own === tensor.type)!;
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const room = shape.length ? ' '.repeat(GROWTH - String(shape[0]).length) : '';
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${dims}), }${room}`;
  const before = MAGIC.length + 4;
  const length = Math.ceil((before + header.length + 1) / 64) * 64;
  const data = bytesOf(tensor);
  const bytes = new Uint8Array(length + data.length);
  bytes.set([...MAGIC, 1, 0, (length - before) & 255, (length - before) >> 8]);
  bytes.set(new TextEncoder().encode(`${header.padEnd(length - before - 1)}\n`), before);
  bytes.set(data, length);
  return bytes;
}

/** @throws ThawError `bad-data` if the bytes are not a numeric array in C order */
export function readNpy(bytes: Uint8Array): Tensor {
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) throw damaged('its array is not a .npy file');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = bytes[6] > 1;
  const before = wide ? 12 : 10;
  if (bytes.length < before) throw damaged('its array ends before its header');
  const end = before + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  const header = new TextDecoder().decode(bytes.subarray(before, end));
  const [, descr] = /'descr': '([^']+)'/.exec(header) ?? [];
  const [, order] = /'fortran_order': (True|False)/.exec(header) ?? [];
  const [, dims] = /'shape': \(([\d, ]*)\)/.exec(header) ?? [];
  const [type] = TYPES.find(([, , own]) => own === descr) ?? [];
  if (type === undefined || dims === undefined)
    throw damaged(`its array has the unsupported type ${descr ?? '(none)'}`);
  const shape = dims.split(',').flatMap((part) => (part.trim() ? [Number(part)] : []));
  if (order !== 'False' && shape.length > 1) throw damaged('its array is in Fortran order');
  try {
    return tensorFromBytes(type, shape, bytes.subarray(end));
  } catch (error) {
    throw damaged((error as Error).message);
  }
}
