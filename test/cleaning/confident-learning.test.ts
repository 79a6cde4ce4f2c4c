// Label issues, scores and rankings equal cleanlab's (scripts/reference/confident_learning.py).
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { confidentJoint, findLabelIssues } from '../../src/cleaning/index.ts';

interface Case {
  readonly labels: number[];
  readonly classes: number;
  readonly probabilities: number[];
  readonly joint: number[][];
  readonly issues: number[];
  readonly ranking: number[];
  readonly selfConfidence: number[];
  readonly normalizedMargin: number[];
}

const { cases } = JSON.parse(readFileSync('test/fixtures/confident-learning.json', 'utf8')) as { cases: Case[] };

describe.each(cases.map((one, i) => [i, one] as const))('case %i', (_, one) => {
  const given = { ...one, probabilities: Float64Array.from(one.probabilities) };
  const found = findLabelIssues(given);

  test('has the confident joint of cleanlab', () => {
    expect(confidentJoint(given)).toEqual(one.joint);
  });

  test('has the issues of cleanlab, in its order', () => {
    expect(found.issues).toEqual(one.issues);
    expect(found.ranking).toEqual(one.ranking);
  });

  test('has the scores of cleanlab', () => {
    expect([...found.selfConfidence]).toEqual(one.selfConfidence);
    expect([...found.normalizedMargin].map((score) => Number(score.toFixed(12)))).toEqual(one.normalizedMargin);
  });
});

test('the cases have issues', () => {
  expect(cases.filter(({ issues }) => issues.length > 2).length).toBeGreaterThan(4);
});
