/** A few things as a hand would draw them, each time a little differently. */
import { Random } from '../../random.ts';
import type { Point, Stroke } from './strokes.ts';

type Line = readonly Point[];
type Draw = (random: Random) => readonly Line[];

const TURN = 2 * Math.PI;
const at = (x: number, y: number): Point => ({ x, y });

/** Points along a curve of `t` from 0 to 1. */
const curve = (count: number, place: (t: number) => Point): Line =>
  Array.from({ length: count }, (_, i) => place(i / (count - 1)));

const arc = (x: number, y: number, rx: number, ry: number, from = 0, to = 1): Line =>
  curve(28, (t) =>
    at(x + rx * Math.cos(TURN * (from + (to - from) * t)), y + ry * Math.sin(TURN * (from + (to - from) * t))),
  );

/** Straight from corner to corner, with points on the way, which can tremble. */
const path = (...corners: readonly Point[]): Line =>
  corners.flatMap((to, i) => {
    const from = corners[i - 1];
    // A corner twice stays a corner when the line is smoothed.
    return from
      ? [0.25, 0.5, 0.75, 1, 1].map((t) => at(from.x + t * (to.x - from.x), from.y + t * (to.y - from.y)))
      : [to, to];
  });

/** Centred at 0, from -1 to 1, y downwards. */
const SHAPES = {
  spiral: (random) => {
    const turns = random.between(2.2, 3.4);
    const way = random.chance(0.5) ? 1 : -1;
    return [
      curve(70, (t) =>
        at((0.08 + 0.8 * t) * Math.cos(way * turns * TURN * t), (0.08 + 0.8 * t) * Math.sin(way * turns * TURN * t)),
      ),
    ];
  },
  star: (random) => {
    const inner = random.between(0.34, 0.5);
    const corner = (i: number) => {
      const radius = i % 2 ? inner * 0.9 : 0.9;
      return at(radius * Math.sin((i * TURN) / 10), -radius * Math.cos((i * TURN) / 10));
    };
    return [path(...Array.from({ length: 11 }, (_, i) => corner(i)))];
  },
  heart: (random) => {
    const plump = random.between(0.85, 1.1);
    return [
      curve(48, (t) => {
        const a = TURN * t;
        const y = 13 * Math.cos(a) - 5 * Math.cos(2 * a) - 2 * Math.cos(3 * a) - Math.cos(4 * a);
        return at((plump * 16 * Math.sin(a) ** 3) / 18, -y / 17 - 0.05);
      }),
    ];
  },
  house: (random) => {
    const [wide, eaves, door] = [random.between(0.55, 0.75), random.between(-0.2, 0.05), random.between(-0.35, 0.2)];
    const walls = path(at(-wide, eaves), at(-wide, 0.8), at(wide, 0.8), at(wide, eaves));
    const roof = path(at(-wide - 0.15, eaves), at(0, -0.85), at(wide + 0.15, eaves));
    const opening = path(at(door, 0.8), at(door, 0.3), at(door + 0.26, 0.3), at(door + 0.26, 0.8));
    return [walls, roof, opening];
  },
  fish: (random) => {
    const [tall, tail] = [random.between(0.34, 0.5), random.between(0.28, 0.44)];
    const body = arc(-0.15, 0, 0.65, tall, 0.02, 0.98);
    const fin = path(at(0.48, 0.05), at(0.9, -tail), at(0.82, 0), at(0.9, tail), at(0.48, -0.05));
    return [body, fin, arc(-0.5, -0.1, 0.035, 0.035)];
  },
  smile: (random) => {
    const [eyes, wide] = [random.between(0.24, 0.36), random.between(0.36, 0.5)];
    const mouth = arc(0, random.between(0, 0.15), wide, random.between(0.3, 0.45), 0.04, 0.46);
    return [arc(0, 0, 0.85, 0.85), mouth, arc(-eyes, -0.28, 0.06, 0.09), arc(eyes, -0.28, 0.06, 0.09)];
  },
} as const satisfies Record<string, Draw>;

const INKS = ['#12242f', '#1f4e79', '#7a2e1d', '#2f5d3a', '#4b3a7a'] as const;
const PAPERS = ['#ffffff', '#fdfbf4', '#f4f8fb'] as const;

export interface Example {
  readonly name: string;
  readonly drawings: readonly { readonly strokes: readonly Stroke[]; readonly paper: string }[];
}

/** @param count drawings of each thing */
export function exampleDrawings(count: number, seed: number): readonly Example[] {
  return Object.entries(SHAPES).map(([name, draw]) => ({
    name,
    drawings: Array.from({ length: count }, (_, i) => {
      const random = new Random(seed, name, i);
      return { strokes: byHand(draw(random), random), paper: PAPERS[random.below(PAPERS.length)] };
    }),
  }));
}

/** Somewhere on the paper, turned a little, in some ink, with a hand's tremor. */
function byHand(lines: readonly Line[], random: Random): Stroke[] {
  const turn = random.between(-0.2, 0.2);
  const size = random.between(0.28, 0.42);
  const narrow = random.between(0.85, 1.1);
  const place = at(0.5 + random.between(-0.06, 0.06), 0.5 + random.between(-0.06, 0.06));
  const width = random.between(0.018, 0.045);
  const colour = INKS[random.below(INKS.length)];
  const tremor = random.between(0.004, 0.012);
  return lines.map((line) => ({
    width,
    colour,
    points: line.map(({ x, y }) => {
      const [px, py] = [x * narrow * size, y * size];
      return at(
        place.x + px * Math.cos(turn) - py * Math.sin(turn) + random.between(-tremor, tremor),
        place.y + px * Math.sin(turn) + py * Math.cos(turn) + random.between(-tremor, tremor),
      );
    }),
  }));
}
