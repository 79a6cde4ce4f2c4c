/** Paints a coverage map as a model input: placed by an affine map, in two colours, with lighting and noise. */
import type { Random } from '../../src/random.ts';
import { type Colour, inkAndPaper } from './colours.ts';

/** Pixels per side of the painted image. */
export const inputSide = 80;
const area = inputSide * inputSide;

/** The position and the appearance of a drawing. */
export interface Look {
  readonly ink: Colour;
  readonly paper: Colour;
  /** Sides of the drawing's frame relative to the image's, across and down; negative values mirror. */
  readonly scaleX: number;
  readonly scaleY: number;
  /** Radians, clockwise. */
  readonly rotation: number;
  readonly shear: number;
  /** The offset of the frame's centre from the image's centre, relative to the image's sides. */
  readonly shiftX: number;
  readonly shiftY: number;
  /** Samples the map a second time, offset by `dx` and `dy` of its pixels: the maximum of both thickens lines, the mean blurs them. */
  readonly stroke: { readonly kind: 'plain' | 'thick' | 'blurred'; readonly dx: number; readonly dy: number };
  /** Lightness that varies over the image, in levels of 255: corner values of a `shade.side` x `shade.side` grid. */
  readonly shade: { readonly side: number; readonly values: readonly number[] } | null;
  /** Half the range of uniform noise, in levels of 255. */
  readonly grain: number;
}

/** The look for validation: upright and clean. */
export function plainLook(random: Random): Look {
  const still = { scaleX: 0.85, scaleY: 0.85, rotation: 0, shear: 0, shiftX: 0, shiftY: 0, grain: 0, shade: null };
  return { ...inkAndPaper(random), ...still, stroke: { kind: 'plain', dx: 0, dy: 0 } };
}

/** A random look for training. */
export function randomLook(random: Random, mirrored: boolean): Look {
  const scale = random.between(0.65, 1.12);
  const stretch = Math.exp(random.between(-0.15, 0.15));
  const room = 0.5 * Math.abs(1 - scale) + 0.06;
  const kind = random.uniform();
  const angle = random.between(0, 2 * Math.PI);
  const reach = random.between(0.7, 2);
  const side = random.chance(0.5) ? 2 : 4;
  const depth = random.between(5, 45);
  return {
    ...inkAndPaper(random),
    scaleX: scale * stretch * (mirrored ? -1 : 1),
    scaleY: scale / stretch,
    rotation: random.between(-0.3, 0.3),
    shear: random.between(-0.15, 0.15),
    shiftX: random.between(-room, room),
    shiftY: random.between(-room, room),
    stroke: {
      kind: kind < 0.5 ? 'plain' : kind < 0.75 ? 'thick' : 'blurred',
      dx: reach * Math.cos(angle),
      dy: reach * Math.sin(angle),
    },
    shade: random.chance(0.4)
      ? { side, values: Array.from({ length: side * side }, () => random.between(-depth, depth)) }
      : null,
    grain: random.chance(0.3) ? random.between(2, 30) : 0,
  };
}

const coverage = new Float32Array(area);
const light = new Float32Array(area);

/**
 * Writes `[3, inputSide, inputSide]`, each value `(pixel / 255 - 0.5) / 0.5`, to `target` at `offset`.
 * @param map `side` x `side` bytes of ink coverage, from `start` in `maps`
 */
export function paint(
  target: Float32Array,
  offset: number,
  maps: Uint8Array,
  start: number,
  side: number,
  look: Look,
  random: Random,
): void {
  const { ink, paper, stroke } = look;
  sampleMap(maps, start, side, look, 0, 0);
  if (stroke.kind !== 'plain') sampleMap(maps, start, side, look, stroke.dx, stroke.dy, stroke.kind);
  light.fill(0);
  if (look.shade) addShade(look.shade);
  if (look.grain) addGrain(look.grain, random);
  for (let channel = 0; channel < 3; channel++) {
    const base = paper[channel];
    const gain = (ink[channel] - base) / 255;
    const plane = offset + channel * area;
    for (let i = 0; i < area; i++) {
      const level = base + gain * coverage[i] + light[i];
      target[plane + i] = Math.min(255, Math.max(0, level)) / 127.5 - 1;
    }
  }
}

/** Fills `coverage` with bilinear samples of the map, or combines it with samples taken `dx`, `dy` map pixels away. */
function sampleMap(
  maps: Uint8Array,
  start: number,
  side: number,
  look: Look,
  dx: number,
  dy: number,
  combine?: 'thick' | 'blurred',
): void {
  // From image pixels to map pixels: the inverse of scale, then shear, then rotation, then shift.
  const step = side / inputSide;
  const [cos, sin] = [Math.cos(look.rotation), Math.sin(look.rotation)];
  const [kx, ky] = [step / look.scaleX, step / look.scaleY];
  const [ux, uy] = [(cos + look.shear * sin) * kx, (sin - look.shear * cos) * kx];
  const [vx, vy] = [-sin * ky, cos * ky];
  const [x0, y0] = [0.5 - inputSide * (0.5 + look.shiftX), 0.5 - inputSide * (0.5 + look.shiftY)];
  const middle = side / 2 - 0.5;
  for (let y = 0, i = 0; y < inputSide; y++) {
    let u = middle + dx + ux * x0 + uy * (y0 + y);
    let v = middle + dy + vx * x0 + vy * (y0 + y);
    for (let x = 0; x < inputSide; x++, i++, u += ux, v += vx) {
      let value = 0;
      if (u >= 0 && v >= 0 && u < side - 1 && v < side - 1) {
        const column = u | 0;
        const row = v | 0;
        const [fx, fy] = [u - column, v - row];
        const p = start + row * side + column;
        const top = maps[p] + fx * (maps[p + 1] - maps[p]);
        const bottom = maps[p + side] + fx * (maps[p + side + 1] - maps[p + side]);
        value = top + fy * (bottom - top);
      }
      if (combine === undefined) coverage[i] = value;
      else if (combine === 'blurred') coverage[i] = 0.5 * (coverage[i] + value);
      else if (value > coverage[i]) coverage[i] = value;
    }
  }
}

/** Adds a coarse grid of lightness, bilinear between its corners. */
function addShade({ side, values }: NonNullable<Look['shade']>): void {
  const step = (side - 1) / inputSide;
  for (let y = 0, i = 0; y < inputSide; y++) {
    const row = Math.floor(y * step);
    const fy = y * step - row;
    for (let x = 0; x < inputSide; x++, i++) {
      const column = Math.floor(x * step);
      const fx = x * step - column;
      const p = row * side + column;
      const top = values[p] + fx * (values[p + 1] - values[p]);
      const bottom = values[p + side] + fx * (values[p + side + 1] - values[p + side]);
      light[i] += top + fy * (bottom - top);
    }
  }
}

/** Adds uniform noise from a small congruential generator (Numerical Recipes' constants): noise needs speed more than quality. */
function addGrain(grain: number, random: Random): void {
  let state = random.uint32();
  const scale = (2 * grain) / 0x1_0000_0000;
  for (let i = 0; i < area; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    light[i] += state * scale - grain;
  }
}
