/** Tensors whose contents are loaded on first use, for example from a file. */
import { arrayOf, bytesOf, entryCount, tensorFromBytes } from './data-types.ts';
import type { DataType, Tensor, TensorData } from './tensor.ts';

/** Bytes that can be read again and again. */
export interface ByteRange {
  readonly length: number;
  read(): Uint8Array;
  /** The bytes, piece by piece. A piece is valid until the next is read. */
  pieces(): Iterable<Uint8Array>;
  /** Its place on the disk, if it has one. */
  place?(): FilePlace;
}

export interface FilePlace {
  readonly path: string;
  /** In bytes from the file's start. */
  readonly offset: number;
}

/** By tensor, not as its property: a tensor made from parts of another one must not keep that one's bytes. */
const ranges = new WeakMap<Tensor, ByteRange>();

/** Reads all data on access, and does not keep them afterwards; the caller's reference decides how long they live. */
export function deferredTensor(type: DataType, shape: readonly number[], range: ByteRange): Tensor {
  const size = byteLength(type, shape);
  if (range.length !== size) {
    throw new Error(`${range.length} bytes do not fill ${type} [${shape}], which takes ${size}`);
  }
  let held: WeakRef<Exclude<TensorData, readonly string[]>> | undefined;
  const tensor: Tensor = {
    type,
    shape,
    get data() {
      const known = held?.deref();
      if (known) return known;
      const { data } = tensorFromBytes(type, shape, range.read());
      held = new WeakRef(data as Exclude<TensorData, readonly string[]>);
      return data;
    },
  };
  ranges.set(tensor, range);
  return tensor;
}

/**
 * A tensor whose numbers follow from those of another one, piece by piece. If these are in a file, they are read and changed each time that
 * the new tensor is read, so that it takes no memory.
 *
 * @param change changes numbers of the tensor, beginning with number `from`
 */
export function changedFloats(tensor: Tensor, change: (numbers: Float32Array, from: number) => void): Tensor {
  const { type, shape } = tensor;
  const length = byteLengthOf(tensor);
  const pieces = function* () {
    let scratch = new Float32Array(0);
    let done = 0;
    for (const piece of piecesOf(tensor)) {
      const count = piece.length / Float32Array.BYTES_PER_ELEMENT;
      if (scratch.length < count) scratch = new Float32Array(count);
      const numbers = scratch.subarray(0, count);
      const bytes = bytesIn(numbers);
      bytes.set(piece);
      change(numbers, done);
      done += count;
      yield bytes;
    }
  };
  const read = () => {
    const whole = new Uint8Array(length);
    let at = 0;
    for (const piece of pieces()) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  };
  const changed = deferredTensor(type, shape, { length, read, pieces });
  return ranges.has(tensor) ? changed : { type, shape, data: changed.data };
}

const bytesIn = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

const byteLength = (type: DataType, shape: readonly number[]): number =>
  entryCount(type, shape) * (arrayOf(type)?.BYTES_PER_ELEMENT ?? 0);

/** The size of the tensor's data in bytes, without reading them; 0 for strings. */
export const byteLengthOf = ({ type, shape }: Tensor): number => byteLength(type, shape);

/** The tensor's bytes, piece by piece; data in a file are never loaded as a whole. */
export const piecesOf = (tensor: Tensor): Iterable<Uint8Array> => ranges.get(tensor)?.pieces() ?? [bytesOf(tensor)];

/** The location of the tensor's data on the disk, if they are in a file. */
export const placeOf = (tensor: Tensor): FilePlace | undefined => ranges.get(tensor)?.place?.();

/** Bytes of all initializers. */
export const weightBytes = (initializers: ReadonlyMap<string, Tensor>): number =>
  [...initializers.values()].reduce((all, tensor) => all + byteLengthOf(tensor), 0);
