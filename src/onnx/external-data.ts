/** Models with large tensors in other files. */
import { byteLengthOf, piecesOf } from './deferred.ts';
import { onnx } from './generated/onnx.js';
import type { Model } from './model.ts';
import type { Tensor } from './tensor.ts';
import { keyValues, modelProto, tensorHeader, tensorProto } from './write.ts';

export interface WriteOptions {
  /** Name of the file next to the model for the large tensors' data. */
  readonly location: string;
  /** Tensors of at least this many bytes go there; 1024 by default, as in ONNX's own tools. */
  readonly threshold?: number;
}

export interface ModelWithExternalData {
  readonly model: Uint8Array;
  /** The external file's parts, to be written in order. A part is valid until the next is read. */
  readonly data: Iterable<Uint8Array>;
}

/** Encodes a model with its large initializers in a second file. */
export function writeModelWithExternalData(model: Model, { location, threshold }: WriteOptions): ModelWithExternalData {
  const file = new ExternalData(location, threshold);
  return { model: file.encode(model), data: file.parts };
}

/** Encodes a model. @param locate gives the location of an initializer's data, or undefined to encode them with the model */
export function encodeExternally(
  model: Model,
  locate: (tensor: Tensor) => { readonly location: string; readonly offset: number } | undefined,
): Uint8Array {
  const encode = (name: string, tensor: Tensor) => {
    const place = locate(tensor);
    if (!place) return tensorProto(name, tensor);
    const entries = { ...place, offset: String(place.offset), length: String(byteLengthOf(tensor)) };
    return { ...tensorHeader(name, tensor), data_location: 1, external_data: keyValues(entries) };
  };
  return onnx.ModelProto.encode(modelProto(model, encode)).finish();
}

/** Offsets of large tensors are multiples of this, so that a runtime can map them into memory. */
const PAGE = 4096;
/** Tensors of at least this size are aligned to a page. */
const LARGE = 2 ** 20;

/** A file of tensors that several models may share; it contains a shared tensor once. */
export class ExternalData {
  private readonly places = new Map<Tensor, { readonly offset: number; readonly padding: number }>();
  private end = 0;

  /** @param threshold tensors of at least this many bytes go into the file */
  constructor(
    readonly location: string,
    private readonly threshold = 1024,
  ) {}

  /** The model, with its large initializers in this file. */
  encode(model: Model): Uint8Array {
    const encode = (name: string, tensor: Tensor) => {
      const length = byteLengthOf(tensor);
      if (tensor.type === 'string' || length < this.threshold) return tensorProto(name, tensor);
      const entries = {
        location: this.location,
        offset: String(this.offsetOf(tensor)),
        length: String(length),
      };
      return { ...tensorHeader(name, tensor), data_location: 1, external_data: keyValues(entries) };
    };
    return onnx.ModelProto.encode(modelProto(model, encode)).finish();
  }

  /** Where the tensor begins in this file, to which it is added. */
  offsetOf(tensor: Tensor): number {
    const known = this.places.get(tensor);
    if (known) return known.offset;
    const length = byteLengthOf(tensor);
    const padding = length < LARGE ? 0 : (PAGE - (this.end % PAGE)) % PAGE;
    const offset = this.end + padding;
    this.places.set(tensor, { offset, padding });
    this.end = offset + length;
    return offset;
  }

  get length(): number {
    return this.end;
  }

  /** The file's parts, to be written in order. A part is valid until the next is read. */
  readonly parts: Iterable<Uint8Array> = { [Symbol.iterator]: () => this.pieces() };

  private *pieces(): Generator<Uint8Array> {
    for (const [tensor, { padding }] of this.places) {
      if (padding) yield new Uint8Array(padding);
      yield* piecesOf(tensor);
    }
  }
}
