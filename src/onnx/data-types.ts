import type { DataType, Tensor, TensorData } from './tensor.ts';

type NumericArrayConstructor =
  | Float32ArrayConstructor
  | Float64ArrayConstructor
  | Int8ArrayConstructor
  | Uint8ArrayConstructor
  | Int16ArrayConstructor
  | Uint16ArrayConstructor
  | Int32ArrayConstructor
  | Uint32ArrayConstructor
  | BigInt64ArrayConstructor
  | BigUint64ArrayConstructor;

interface Storage {
  /** The number in `TensorProto.data_type`. */
  readonly code: number;
  /** Undefined for strings. */
  readonly array?: NumericArrayConstructor;
  /** Array entries per element: 2 for complex numbers, 1/2 or 1/4 for types under 8 bits. */
  readonly entries?: number;
}

const STORAGE: Readonly<Record<DataType, Storage>> = {
  float32: { code: 1, array: Float32Array },
  uint8: { code: 2, array: Uint8Array },
  int8: { code: 3, array: Int8Array },
  uint16: { code: 4, array: Uint16Array },
  int16: { code: 5, array: Int16Array },
  int32: { code: 6, array: Int32Array },
  int64: { code: 7, array: BigInt64Array },
  string: { code: 8 },
  bool: { code: 9, array: Uint8Array },
  float16: { code: 10, array: Uint16Array },
  float64: { code: 11, array: Float64Array },
  uint32: { code: 12, array: Uint32Array },
  uint64: { code: 13, array: BigUint64Array },
  complex64: { code: 14, array: Float32Array, entries: 2 },
  complex128: { code: 15, array: Float64Array, entries: 2 },
  bfloat16: { code: 16, array: Uint16Array },
  float8e4m3fn: { code: 17, array: Uint8Array },
  float8e4m3fnuz: { code: 18, array: Uint8Array },
  float8e5m2: { code: 19, array: Uint8Array },
  float8e5m2fnuz: { code: 20, array: Uint8Array },
  uint4: { code: 21, array: Uint8Array, entries: 1 / 2 },
  int4: { code: 22, array: Uint8Array, entries: 1 / 2 },
  float4e2m1: { code: 23, array: Uint8Array, entries: 1 / 2 },
  float8e8m0: { code: 24, array: Uint8Array },
  uint2: { code: 25, array: Uint8Array, entries: 1 / 4 },
  int2: { code: 26, array: Uint8Array, entries: 1 / 4 },
};

const BY_CODE = new Map(Object.entries(STORAGE).map(([type, { code }]) => [code, type as DataType]));

export const dataTypeOf = (code: number): DataType | undefined => BY_CODE.get(code);
export const codeOf = (type: DataType): number => STORAGE[type].code;
export const arrayOf = (type: DataType): NumericArrayConstructor | undefined => STORAGE[type].array;

/** Elements of a tensor of this shape. */
export const elementCount = (shape: readonly number[]): number => shape.reduce((all, d) => all * d, 1);

/** Entries of the array for a tensor of this type and shape. */
export const entryCount = (type: DataType, shape: readonly number[]): number =>
  Math.ceil(elementCount(shape) * (STORAGE[type].entries ?? 1));

/** The tensor's bytes, little-endian, without a copy. Strings have none. */
export function bytesOf(tensor: Tensor): Uint8Array {
  const { data } = tensor;
  if (!ArrayBuffer.isView(data)) throw new Error('a tensor of strings has no bytes');
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** A tensor over the given bytes, which are copied only if they are not aligned for the type. */
export function tensorFromBytes(type: DataType, shape: readonly number[], bytes: Uint8Array): Tensor {
  const array = arrayOf(type);
  if (!array) throw new Error(`a tensor of ${type} has no bytes`);
  const entries = entryCount(type, shape);
  const size = array.BYTES_PER_ELEMENT;
  if (bytes.byteLength !== entries * size) {
    throw new Error(`${bytes.byteLength} bytes do not fill ${type} [${shape}], which takes ${entries * size}`);
  }
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return { type, shape, data: new array(aligned.buffer as ArrayBuffer, aligned.byteOffset, entries) };
}

/** A tensor of data in row order. */
export const tensor = (type: DataType, shape: readonly number[], data: TensorData): Tensor => ({ type, shape, data });

export const isFloat = (type: DataType): boolean =>
  type === 'float32' || type === 'float64' || type === 'float16' || type === 'bfloat16';

/** A new array of the type with these numbers; for int64 and uint64 they become bigints. Not for half types or strings. */
export function arrayFrom(type: DataType, values: Iterable<number>): Exclude<TensorData, readonly string[]> {
  const array = arrayOf(type);
  if (!array || type === 'float16' || type === 'bfloat16')
    throw new Error(`numbers cannot be stored as ${type} directly`);
  if (array === BigInt64Array || array === BigUint64Array) {
    const numbers = Array.isArray(values) ? (values as readonly number[]) : Array.from(values);
    const whole = new array(numbers.length);
    for (let i = 0; i < numbers.length; i++) whole[i] = BigInt(numbers[i]);
    return whole;
  }
  return (array as Float32ArrayConstructor).from(values);
}

/** The tensor's elements as numbers. Not for half types, strings or packed types. */
export function numbersOf(tensor: Tensor): number[] {
  if (tensor.type === 'float16' || tensor.type === 'bfloat16' || tensor.type === 'string') {
    throw new Error(`a tensor of ${tensor.type} does not hold plain numbers`);
  }
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}
