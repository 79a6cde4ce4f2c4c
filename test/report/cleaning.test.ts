import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { FINDING_KINDS } from '../../src/cleaning/index.ts';
import { KINDS } from '../../src/report/cleaning/kinds.ts';
import { REVIEW_SCRIPT, REVIEW_SHA256 } from '../../src/report/cleaning/script.ts';

test('the content security policy allows this script', () => {
  expect(createHash('sha256').update(REVIEW_SCRIPT.text).digest('base64')).toBe(REVIEW_SHA256);
});

test('every kind has a title, in the order of importance', () => {
  expect(Object.keys(KINDS)).toEqual([...FINDING_KINDS]);
});
