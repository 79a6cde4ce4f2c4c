import { readModel } from '../../src/onnx/index.ts';

/** The largest difference of any weight of two files of one network. */
export function difference(a: Uint8Array, b: Uint8Array): number {
  const [x, y] = [a, b].map((bytes) => readModel(bytes).graph.initializers);
  return Math.max(
    ...[...x].map(([name, { data }]) => {
      const other = y.get(name)!.data;
      return Math.max(...Array.from(data as Float32Array, (value, i) => Math.abs(Number(value) - Number(other[i]))));
    }),
  );
}
