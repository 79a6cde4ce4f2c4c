/** Element types of ONNX tensors, by their names in ONNX Runtime's JavaScript interface. */
export type DataType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool'
  | 'string'
  | 'complex64'
  | 'complex128'
  | 'float8e4m3fn'
  | 'float8e4m3fnuz'
  | 'float8e5m2'
  | 'float8e5m2fnuz'
  | 'float8e8m0'
  | 'uint4'
  | 'int4'
  | 'uint2'
  | 'int2'
  | 'float4e2m1';

export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | readonly string[];

/**
 * A constant of a model. `float16` and `bfloat16` are kept as their bits in a `Uint16Array`; `bool` is a `Uint8Array`;
 * complex types have two numbers per element; types under 8 bits stay packed as in the file.
 */
export interface Tensor<S extends readonly number[] = readonly number[]> {
  readonly type: DataType;
  readonly shape: S;
  readonly data: TensorData;
}
