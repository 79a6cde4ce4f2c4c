/** Tensors whose contents stay in a file, say, until somebody asks for them. */
import { arrayOf, bytesOf, entryCount, tensorFromBytes } from './data-types.ts';
import type { DataType, Tensor, TensorData } from './tensor.ts';

/** Bytes that can be read again and again. */
export interface ByteRange {
  readonly length: number;
  read(): Uint8Array;
  /** One after the other. A piece is valid until the next is taken. */
  pieces(): Iterable<Uint8Array>;
  /** Its place on the disk, if it has one. */
  place?(): FilePlace;
}

export interface FilePlace {
  readonly path: string;
  /** In bytes from the file's start. */
  readonly offset: number;
}

/** By tensor, not as its property: a tensor made of another one's parts must not keep the other's bytes. */
const ranges = new WeakMap<Tensor, ByteRange>();

/** Asking for its data reads all of it; the data are held no longer than somebody else holds them. */
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

const byteLength = (type: DataType, shape: readonly number[]): number =>
  entryCount(type, shape) * (arrayOf(type)?.BYTES_PER_ELEMENT ?? 0);

/** Bytes that the tensor's data take, without a look at them; 0 for strings. */
export const byteLengthOf = ({ type, shape }: Tensor): number => byteLength(type, shape);

/** The tensor's bytes, one piece after the other, without all of them in memory if they lie in a file. */
export const piecesOf = (tensor: Tensor): Iterable<Uint8Array> => ranges.get(tensor)?.pieces() ?? [bytesOf(tensor)];

/** Where the tensor's data lie on the disk, if they do. */
export const placeOf = (tensor: Tensor): FilePlace | undefined => ranges.get(tensor)?.place?.();

/** Bytes of all initializers. */
export const weightBytes = (initializers: ReadonlyMap<string, Tensor>): number =>
  [...initializers.values()].reduce((all, tensor) => all + byteLengthOf(tensor), 0);
