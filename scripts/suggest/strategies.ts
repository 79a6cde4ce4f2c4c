/** The strategies that the simulation compares: those of Thaw, random choice, and others that could have become the default. */
import { Random } from '../../src/random.ts';
import { typicalOfGroups } from '../../src/suggest/groups.ts';
import { choose, type Doubt, doubtBetweenClasses, type Strategy, strategies } from '../../src/suggest/index.ts';
import { rowOf, rowsIn, squaredDistance, type Vectors } from '../../src/suggest/vectors.ts';

export interface Round {
  /** Features and probabilities of the unlabelled images. */
  readonly features: Vectors;
  readonly probabilities: readonly Float32Array[];
  readonly labelled: Vectors;
  readonly count: number;
  readonly seed: number;
}

type Chooser = (round: Round) => readonly number[];

const doubtsOf = ({ probabilities }: Round): Doubt[] => probabilities.map(doubtBetweenClasses);

const thaws =
  (strategy: Strategy): Chooser =>
  (round) =>
    choose({ ...round, doubts: doubtsOf(round) }, { ...round, strategy }).map(({ sample }) => sample);

/** k-centre with distances that shrink for sure images. */
function marginWeighted(round: Round): number[] {
  const { features, labelled, count } = round;
  const weights = doubtsOf(round).map(({ margin }) => 1 - margin);
  const squares = weights.map(() => Number.POSITIVE_INFINITY);
  const cover = (centre: Float32Array) => {
    for (let i = 0; i < squares.length; i++)
      squares[i] = Math.min(squares[i], squaredDistance(rowOf(features, i), centre));
  };
  for (let row = 0; row < rowsIn(labelled); row++) cover(rowOf(labelled, row));
  const chosen: number[] = [];
  while (chosen.length < count) {
    let best = -1;
    const merit = (i: number) => Math.sqrt(squares[i]) * weights[i];
    for (let i = 0; i < squares.length; i++) if (!chosen.includes(i) && (best < 0 || merit(i) > merit(best))) best = i;
    chosen.push(best);
    cover(rowOf(features, best));
  }
  return chosen;
}

export const STRATEGIES: Readonly<Record<string, Chooser>> = {
  random: ({ features, count, seed }) =>
    new Random(seed, 'random').shuffle(Array.from({ length: rowsIn(features) }, (_, i) => i)).slice(0, count),
  ...Object.fromEntries(strategies.map((strategy) => [strategy, thaws(strategy)])),
  'margin-weighted k-centre': marginWeighted,
  'groups without margins': ({ features, count, seed }) =>
    typicalOfGroups(features, new Float32Array(rowsIn(features)).fill(1), count, seed),
};
