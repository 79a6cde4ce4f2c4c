import { expect, test } from 'vitest';
import { ThawError } from '../src/errors.ts';

test('the whole message is a property of the error itself, since errors of JavaScriptCore have a `line` of their own', () => {
  const error = new ThawError('device', 'what is wrong', 'What to do');
  expect(Object.hasOwn(error, 'line')).toBe(true);
  expect(error.line).toBe('what is wrong. What to do');
  expect(new ThawError('device', 'what is wrong').line).toBe('what is wrong');
});
