/** A measured number of threads. */
export interface ThreadTime {
  readonly threads: number;
  /** Of a step. */
  readonly seconds: number;
}

/** The number of threads of a training, and the measurements behind it. */
export interface ThreadChoice {
  readonly chosen: number;
  readonly measured: readonly ThreadTime[];
}

/** With fewer cores, all of them are fastest. */
export const MEASURED_FROM = 8;

/** The fewest threads within this factor of the fastest: more that gain little take time from decoding images. */
const WORTHWHILE = 1.03;

/** Seconds after which no other number is measured. */
const PATIENCE = 20;

/**
 * The numbers to try on a machine, the most promising first: half of the cores are the physical ones if each runs two threads. Small steps
 * can be fastest with few threads, because each operator waits for its slowest one.
 */
export const threadCounts = (cores: number): readonly number[] =>
  [...new Set([Math.floor(cores / 2), cores, 8, 4])].filter((count) => count >= 1 && count <= cores);

/**
 * Measures a step with several numbers of threads, and chooses the fastest; the fewest of equally fast ones.
 *
 * @param secondsWith the seconds of a step
 * @param now seconds on a clock
 */
export async function fastestThreads(
  cores: number,
  secondsWith: (threads: number) => Promise<number>,
  now: () => number = () => performance.now() / 1000,
): Promise<ThreadChoice> {
  const began = now();
  const measured: ThreadTime[] = [];
  for (const threads of threadCounts(cores)) {
    if (measured.length && now() - began > PATIENCE) break;
    measured.push({ threads, seconds: await secondsWith(threads) });
  }
  const enough = WORTHWHILE * Math.min(...measured.map(({ seconds }) => seconds));
  const { threads: chosen } = measured
    .toSorted((a, b) => a.threads - b.threads)
    .find(({ seconds }) => seconds <= enough)!;
  return { chosen, measured };
}

/** The choice in a line for users. */
export const choiceLine = ({ chosen, measured }: ThreadChoice): string =>
  `${chosen} thread${chosen === 1 ? '' : 's'}, the fastest number here (seconds of a step of the head: ${measured
    .map(({ threads, seconds }) => `${threads}: ${seconds.toPrecision(2)}`)
    .join(', ')}); --threads sets it`;
