import type { FindingKind } from '../../cleaning/index.ts';

/** The kinds of findings for people: a title, and what it means. */
export const KINDS: Readonly<Record<FindingKind, readonly [title: string, meaning: string]>> = {
  conflict: ['Two labels for the same', 'At least one of the labels is wrong.'],
  leak: ['In two splits', 'The scores of such samples are too good.'],
  'wrong-label': ['Probably a wrong label', 'A classifier that has not seen the sample gives another label.'],
  'doubtful-label': ['Doubtful label', 'The same, but less certain: many of these labels are right.'],
  duplicate: ['Duplicate', 'It counts twice.'],
  outlier: ['Unlike all others', 'It may not belong here.'],
  blurred: ['Blurred', 'Much less sharp than the others.'],
  dark: ['Dark', 'Even its brightest parts are dark.'],
  bright: ['Bright', 'Even its darkest parts are bright.'],
  empty: ['Empty', 'It has one colour.'],
  tiny: ['Tiny', 'Much smaller than the others.'],
  'odd-shape': ['Odd shape', 'Much longer in one direction.'],
  grey: ['Without colours', 'Most others have colours.'],
  short: ['Short text', 'It says almost nothing.'],
  long: ['Long text', 'Much longer than the others.'],
};

export const TITLES = Object.fromEntries(Object.entries(KINDS).map(([kind, [title]]) => [kind, title])) as Readonly<
  Record<FindingKind, string>
>;
