import { type Pixels, type Tables, UNCHANGED } from '../pixels.ts';

/** Pixels, and tables to read their values through. So operations on single values take no pass of their own over the image. */
export interface Toned {
  readonly pixels: Pixels;
  readonly tables: Tables;
}

/** The same image, with tables applied after its own. */
export const mapped = ({ pixels, tables }: Toned, next: Tables): Toned => {
  const through = (channel: 0 | 1 | 2) => tables[channel].map((value) => next[channel][value]);
  return { pixels, tables: [through(0), through(1), through(2)] };
};

/** The pixels that an image shows. */
export function shown({ pixels, tables }: Toned): Pixels {
  if (tables === UNCHANGED) return pixels;
  const { data, width, height } = pixels;
  const [red, green, blue] = tables;
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    out[i] = red[data[i]];
    out[i + 1] = green[data[i + 1]];
    out[i + 2] = blue[data[i + 2]];
  }
  return { data: out, width, height };
}
